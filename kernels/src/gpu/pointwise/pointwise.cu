// What looks at one pixel alone: sums, affine functions and activations that no other step takes along; a map times a
// factor for each channel; norms over channels.
//
// The reference is `Work::Pointwise` on a processor (cpu/pointwise.rs). In `pointwise` a thread makes four channels of one
// pixel. In `normed` a warp makes a pixel: the mean first, then the variance around it, lanes joined by halves, so that
// every sum is made in one order.
//
// Bytes from memory: input and output once (`normed` reads its pixel three times, from the first cache).
//
// History
//   1  as described. Not timed on a card yet.
#include "../ends.cuh"

struct PointwiseParams {
    Operand x;
    Operand factors; // a vector for each image, or none
    Ends ends;
    long long pixels;
    int per_image; // pixels of an image
    int channels, padded;
    float eps;
};
static_assert(sizeof(PointwiseParams) == 32 + 80 + 24, "as in pointwise/mod.rs");

template <typename T> DEVICE void pointwise(const PointwiseParams& p) {
    const int quads = p.padded / 4;
    const size_t at = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const size_t pixel = at / quads;
    const int channel = at % quads * 4;
    if (pixel >= static_cast<size_t>(p.pixels))
        return;
    float v[4];
    read<T>(p.x, pixel, channel, v);
    if (p.factors.start) {
        float factors[4];
        read<T>(p.factors, pixel / p.per_image, channel, factors);
        for (int i = 0; i < 4; ++i)
            v[i] *= factors[i];
    }
    finish<T>(p.ends, pixel, channel, v);
}

DEVICE float joined(float sum) {
    for (int apart = 16; apart > 0; apart /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, apart);
    return sum;
}

template <typename T> DEVICE void normed(const PointwiseParams& p) {
    const size_t pixel = static_cast<size_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    if (pixel >= static_cast<size_t>(p.pixels))
        return;
    // Beyond the channels a pixel holds something finite that does not count.
    const auto counted = [&](int channel, int i) { return channel + i < p.channels; };
    float v[4], sum = 0.0f;
    for (int channel = lane * 4; channel < p.padded; channel += 128) {
        read<T>(p.x, pixel, channel, v);
        for (int i = 0; i < 4; ++i)
            sum += counted(channel, i) ? v[i] : 0.0f;
    }
    const float mean = joined(sum) / static_cast<float>(p.channels);
    sum = 0.0f;
    for (int channel = lane * 4; channel < p.padded; channel += 128) {
        read<T>(p.x, pixel, channel, v);
        for (int i = 0; i < 4; ++i)
            sum = counted(channel, i) ? fmaf(v[i] - mean, v[i] - mean, sum) : sum;
    }
    const float deviation = sqrtf(joined(sum) / static_cast<float>(p.channels) + p.eps);
    for (int channel = lane * 4; channel < p.padded; channel += 128) {
        read<T>(p.x, pixel, channel, v);
        for (int i = 0; i < 4; ++i)
            v[i] = counted(channel, i) ? (v[i] - mean) / deviation : 0.0f;
        finish<T>(p.ends, pixel, channel, v);
    }
}

KERNEL(pointwise_f32, PointwiseParams, 256) { pointwise<float>(p); }
KERNEL(pointwise_bf16, PointwiseParams, 256) { pointwise<bf16>(p); }
KERNEL(pointwise_f16, PointwiseParams, 256) { pointwise<f16>(p); }
KERNEL(normed_f32, PointwiseParams, 256) { normed<float>(p); }
KERNEL(normed_bf16, PointwiseParams, 256) { normed<bf16>(p); }
KERNEL(normed_f16, PointwiseParams, 256) { normed<f16>(p); }
