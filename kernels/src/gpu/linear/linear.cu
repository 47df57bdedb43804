// Linear layers of vectors: y[n, o] = sum over i of x[n, i] * w[o, i].
//
// The reference is `Work::Conv` of 1 x 1 on a processor. Vectors are wide. A warp makes one output of one vector: its
// lanes take every 32nd four inputs, and their sums are joined by halves, so that every sum is made in one order whatever
// the number of vectors. Weights are [out][in], the inputs rounded up to a whole block with zeros.
//
// Bytes from memory: the weights, once for each vector (from L2 after the first). Operations: 2 * in * out for a vector.
//
// History
//   1  a warp for each output. Not timed on a card yet.
#include "../ends.cuh"

struct LinearParams {
    Operand x;
    const float* weights;
    Ends ends;
    int inputs, outputs; // rounded up to blocks
};
static_assert(sizeof(LinearParams) == 24 + 80 + 8, "as in linear/mod.rs");

// A warp makes four outputs, one after the other, so that they are stored together.
template <typename T> DEVICE void linear(const LinearParams& p) {
    const int lane = threadIdx.x % 32, channel = (blockIdx.x * 4 + threadIdx.x / 32) * 4;
    const size_t vector = blockIdx.y;
    if (channel >= p.outputs)
        return;
    const float* x = static_cast<const float*>(p.x.start) + vector * p.x.pixel;
    float sums[4] = {};
    for (int i = lane * 4; i < p.inputs; i += 128) {
        float a[4], w[4];
        read<float>(x + i, a);
        for (int o = 0; o < 4; ++o) {
            read<float>(p.weights + static_cast<size_t>(channel + o) * p.inputs + i, w);
            for (int k = 0; k < 4; ++k)
                sums[o] = fmaf(a[k], w[k], sums[o]);
        }
    }
    for (int o = 0; o < 4; ++o)
        for (int apart = 16; apart > 0; apart /= 2)
            sums[o] += __shfl_xor_sync(0xffffffffu, sums[o], apart);
    if (lane == 0)
        finish<T>(p.ends, vector, channel, sums);
}

KERNEL(linear_f32, LinearParams, 128) { linear<float>(p); }
KERNEL(linear_bf16, LinearParams, 128) { linear<bf16>(p); }
KERNEL(linear_f16, LinearParams, 128) { linear<f16>(p); }
