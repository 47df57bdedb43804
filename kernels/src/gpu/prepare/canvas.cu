// An input of timm's: through a curve, resampled, on a canvas of 0, in each channel's units.
//
//     v = the picture's f64 resample of curve[stored], times white, as f32, cut to whole numbers if so; 0 around it
//     out[channel] = (v - mean[channel]) / deviation[channel]
//
// Reference: `Steps::Canvas` in host.rs. Bit for bit: f64 sums in the same order.
//
// Versions:
// 1. Both passes in one, as in triangle.cu; the cells of an area average hardly overlap, so hardly anything is computed
//    twice.
//
// Bytes: 2 a pixel of the source, 4 an output and channel. A thread writes one output of each channel: neighbours write
// neighbours.
#include "prepare.cuh"

namespace prepare {

struct CanvasParams {
    Rectangle source;
    Axis rows;
    Axis columns;
    const float* curve;
    float* to;
    double white;
    Frame frame;
    int rows_first;
    int truncate;
    int channels;
    float mean[4];
    float deviation[4];
    int unused;
};
static_assert(sizeof(CanvasParams) == 184, "as in the host's source");

// One output: `outer`'s samples in order, each the sum over `inner`'s.
template <bool ROWS_FIRST> DEVICE double resampled(const CanvasParams& p, int row, int column) {
    const Axis& outer = ROWS_FIRST ? p.columns : p.rows;
    const Axis& inner = ROWS_FIRST ? p.rows : p.columns;
    const int o = ROWS_FIRST ? column : row, i = ROWS_FIRST ? row : column;
    const unsigned outer_from = outer.starts[o], outers = outer.starts[o + 1] - outer_from;
    const unsigned inner_from = inner.starts[i], inners = inner.starts[i + 1] - inner_from;
    double sum = 0.0;
    for (unsigned j = 0; j < outers; j++) {
        const int at = clamped(outer.firsts[o] + static_cast<int>(j), outer.samples);
        double line = 0.0;
        for (unsigned k = 0; k < inners; k++) {
            const int within = clamped(inner.firsts[i] + static_cast<int>(k), inner.samples);
            const int v = ROWS_FIRST ? stored(p.source, within, at) : stored(p.source, at, within);
            line += static_cast<double>(p.curve[v]) * inner.weights[inner_from + k];
        }
        sum += line * outer.weights[outer_from + j];
    }
    return sum;
}

// Without what follows the decimal point; beyond 2^23 there is nothing. The sign stays, of 0 too.
DEVICE float truncated(float v) {
    const unsigned sign = __float_as_uint(v) & 0x80000000u;
    const float size = __uint_as_float(__float_as_uint(v) & 0x7FFFFFFFu);
    if (!(size < 8388608.0f)) return v;
    return __uint_as_float(__float_as_uint(static_cast<float>(static_cast<int>(size))) | sign);
}

}  // namespace prepare

KERNEL(prepare_canvas, prepare::CanvasParams, 256) {
    using namespace prepare;
    const size_t at = blockIdx.x * size_t{THREADS} + threadIdx.x;
    const size_t plane = static_cast<size_t>(p.frame.rows) * p.frame.columns;
    if (at >= plane) return;
    const int row = static_cast<int>(at / p.frame.columns) - p.frame.row;
    const int column = static_cast<int>(at % p.frame.columns) - p.frame.column;
    float v = 0.0f;
    if (0 <= row && row < p.rows.outputs && 0 <= column && column < p.columns.outputs) {
        const double y = p.rows_first ? resampled<true>(p, row, column) : resampled<false>(p, row, column);
        v = static_cast<float>(y * p.white);
        if (p.truncate) v = truncated(v);
    }
    for (int channel = 0; channel < p.channels; channel++) {
        p.to[channel * plane + at] = (v - p.mean[channel]) / p.deviation[channel];
    }
}
