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
#include "../window.cuh"

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
    const Quad at(p);
    if (!at.inside)
        return;
    float sum[4] = {};
    for (int tap = 0; tap < p.kernel * p.kernel; ++tap) {
        const int y = at.row + tap / p.kernel, x = at.column + tap % p.kernel;
        if (y < 0 || y >= p.rows || x < 0 || x >= p.columns)
            continue;
        float v[4], w[4];
        read<T>(p.x, (at.image * p.rows + y) * p.columns + x, at.channel, v);
        read<float>(p.weights + tap * p.channels + at.channel, w);
        for (int i = 0; i < 4; ++i)
            sum[i] = fmaf(v[i], w[i], sum[i]);
    }
    finish<T>(p.ends, at.pixel, at.channel, sum);
}

KERNEL(depthwise_f32, DepthwiseParams, 256) { depthwise<float>(p); }
KERNEL(depthwise_bf16, DepthwiseParams, 256) { depthwise<bf16>(p); }
KERNEL(depthwise_f16, DepthwiseParams, 256) { depthwise<f16>(p); }
