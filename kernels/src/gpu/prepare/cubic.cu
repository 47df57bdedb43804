// A window of BCC's at a random place: resampled by a cubic filter, then standardised.
//
//     x = above(stored) in its frame;  y = sum over rows of (sum over columns of x * weight) * weight, f32
//     out = (y - mean) / deviation
//
// Reference: `Steps::Cubic` in host.rs. The resampled values are the same bits. The mean and the deviation are sums of
// fractions in f64, here in another order than there: each is within one unit in its last place (f32) of the host's.
//
// Versions:
// 1. Both passes in one: a thread sums 4 x 4 pixels, which lie in the L1 cache, and nothing is written between.
//
// Bytes: 2 a pixel of the source, 4 a pixel of the window five times, four of them in the L2 cache (21 MB).
#include "prepare.cuh"

namespace prepare {

struct CubicParams {
    Rectangle source;
    Axis rows;
    Axis columns;
    float* to;
    double* partial;
    Standard* settled;
    Frame frame;
    Air air;
    int unused;
};
static_assert(sizeof(CubicParams) == 152, "as in the host's source");

struct PlaneParams {
    float* plane;
    u64 count;
    double* partial;
    const Standard* settled;
};
static_assert(sizeof(PlaneParams) == 32, "as in the host's source");

DEVICE float framed(const CubicParams& p, int row, int column) {
    const int y = row - p.frame.row, x = column - p.frame.column;
    const bool shown = 0 <= y && y < p.source.rows && 0 <= x && x < p.source.columns;
    return shown ? static_cast<float>(above(p.air, stored(p.source, y, x))) : 0.0f;
}

}  // namespace prepare

// Resamples, and sums what comes out.
KERNEL(prepare_cubic, prepare::CubicParams, 256) {
    using namespace prepare;
    double total = 0.0;
    for (int row = blockIdx.x; row < p.rows.outputs; row += gridDim.x) {
        int ys[4];
        float down[4];
        for (int k = 0; k < 4; k++) {
            ys[k] = clamped(p.rows.firsts[row] + k, p.rows.samples);
            down[k] = static_cast<float>(p.rows.weights[4 * row + k]);
        }
        for (int column = threadIdx.x; column < p.columns.outputs; column += THREADS) {
            float sum = 0.0f;
            float across[4];
            int xs[4];
            for (int k = 0; k < 4; k++) {
                xs[k] = clamped(p.columns.firsts[column] + k, p.columns.samples);
                across[k] = static_cast<float>(p.columns.weights[4 * column + k]);
            }
            for (int i = 0; i < 4; i++) {
                float line = framed(p, ys[i], xs[0]) * across[0];
                for (int k = 1; k < 4; k++) line += framed(p, ys[i], xs[k]) * across[k];
                sum = i == 0 ? line * down[0] : sum + line * down[i];
            }
            p.to[static_cast<size_t>(row) * p.columns.outputs + column] = sum;
            total += static_cast<double>(sum);
        }
    }
    total = block_sum(total);
    if (threadIdx.x == 0) p.partial[2 * blockIdx.x] = total;
}

KERNEL(prepare_mean, prepare::SettleParams, 256) {
    using namespace prepare;
    const double sum = sum_of_blocks(static_cast<const double*>(p.partial), static_cast<int>(p.blocks), 0);
    if (threadIdx.x != 0) return;
    const double mean = sum / static_cast<double>(p.count);
    *static_cast<Standard*>(p.settled) = {static_cast<float>(mean), 0.0f, mean};
}

// The squares of the distances from the mean.
KERNEL(prepare_spread, prepare::PlaneParams, 256) {
    using namespace prepare;
    const double mean = p.settled->exact_mean;
    double total = 0.0;
    for (u64 i = blockIdx.x * u64{THREADS} + threadIdx.x; i < p.count; i += u64{gridDim.x} * THREADS) {
        const double distance = static_cast<double>(p.plane[i]) - mean;
        total += distance * distance;
    }
    total = block_sum(total);
    if (threadIdx.x == 0) p.partial[2 * blockIdx.x] = total;
}

KERNEL(prepare_deviation, prepare::SettleParams, 256) {
    using namespace prepare;
    const double sum = sum_of_blocks(static_cast<const double*>(p.partial), static_cast<int>(p.blocks), 0);
    if (threadIdx.x != 0) return;
    const double variance = sum / static_cast<double>(p.count);
    static_cast<Standard*>(p.settled)->deviation = static_cast<float>(fmax(sqrt(variance), 1e-5));
}

// In place.
KERNEL(prepare_scale, prepare::PlaneParams, 256) {
    using namespace prepare;
    const u64 at = 4 * (blockIdx.x * u64{THREADS} + threadIdx.x);
    const float mean = p.settled->mean, deviation = p.settled->deviation;
    if (at + 4 <= p.count) {
        const float4 v = *reinterpret_cast<const float4*>(p.plane + at);
        *reinterpret_cast<float4*>(p.plane + at) = make_float4((v.x - mean) / deviation, (v.y - mean) / deviation,
                                                               (v.z - mean) / deviation, (v.w - mean) / deviation);
    } else {
        for (u64 i = at; i < p.count; i++) p.plane[i] = (p.plane[i] - mean) / deviation;
    }
}
