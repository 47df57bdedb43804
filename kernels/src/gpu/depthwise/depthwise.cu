// Convolutions of each channel by a kernel of its own: y[n, r, c, k] = sum over ky, kx of x[n, ..., k] * w[k, ky, kx].
//
// The reference is `Work::Depthwise` on a processor (cpu/depthwise.rs). A thread makes four channels of one pixel, tap by
// tap; neighbours take the next channels, then the next columns, so that what they share is in the first cache. Weights
// are [tap][channel].
//
// Bytes from memory: input and output once, if the cache holds the window's rows. Operations: 2 * taps for each value.
//
// History
//   1  four channels a thread. Not timed on a card yet.
#include "../ends.cuh"

struct DepthwiseParams {
    Operand x;
    const float* weights;
    Ends ends;
    int images, rows, columns, channels; // of the input; channels rounded up
    int kernel, stride, top, left;
    int out_rows, out_columns;
};
static_assert(sizeof(DepthwiseParams) == 24 + 80 + 40, "as in depthwise/mod.rs");

template <typename T> DEVICE void depthwise(const DepthwiseParams& p) {
    const int quads = p.channels / 4;
    const size_t at = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    const size_t pixel = at / quads;
    const int channel = at % quads * 4;
    if (pixel >= static_cast<size_t>(p.images) * p.out_rows * p.out_columns)
        return;
    const int c = pixel % p.out_columns * p.stride - p.left;
    const int r = pixel / p.out_columns % p.out_rows * p.stride - p.top;
    const size_t image = pixel / p.out_columns / p.out_rows;
    float sum[4] = {};
    for (int tap = 0; tap < p.kernel * p.kernel; ++tap) {
        const int y = r + tap / p.kernel, x = c + tap % p.kernel;
        if (y < 0 || y >= p.rows || x < 0 || x >= p.columns)
            continue;
        float v[4], w[4];
        read<T>(p.x, (image * p.rows + y) * p.columns + x, channel, v);
        read<float>(p.weights + tap * p.channels + channel, w);
        for (int i = 0; i < 4; ++i)
            sum[i] = fmaf(v[i], w[i], sum[i]);
    }
    finish<T>(p.ends, pixel, channel, sum);
}

KERNEL(depthwise_f32, DepthwiseParams, 256) { depthwise<float>(p); }
KERNEL(depthwise_bf16, DepthwiseParams, 256) { depthwise<bf16>(p); }
KERNEL(depthwise_f16, DepthwiseParams, 256) { depthwise<f16>(p); }
