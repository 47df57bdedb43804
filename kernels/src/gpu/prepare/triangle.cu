// Mirai's input: through a curve to 16 bits, resized by Pillow's triangle, the chest wall brought to the right.
//
//     narrowed = floor(sum over columns of curve[stored] * weight + 1/2);  resized = the same over rows of narrowed
//     out = (resized, mirrored or not, - mean) / deviation
//
// Reference: `Steps::Triangle` in host.rs. Bit for bit: f64 sums in the same order, whole numbers after each pass, and
// whole sums that decide about the mirroring.
//
// Versions:
// 1. Both passes in one: a narrowed pixel is needed by about as many outputs as rows overlap (two), and computing it
//    twice costs less than writing and reading it. The curve's used part (8 KB at 12 bits) lies in the L1 cache.
//
// Bytes: 2 a pixel of the source, 2 an output written and read (L2), 4 an output: 48 MB for 4096 x 3328 to 2048 x 1664.
// Not the bytes but some 16 looked-up pixels an output decide.
#include "prepare.cuh"

namespace prepare {

struct TriangleParams {
    Rectangle source;
    Axis rows;
    Axis columns;
    const u16* curve;
    u16* plane;
    u64* partial;
    void* settled;
    float* to;
    float mean;
    float deviation;
};
static_assert(sizeof(TriangleParams) == 144, "as in the host's source");

// Halves upwards; a cast cuts off, and nothing is negative.
DEVICE unsigned rounded(double sum) {
    const unsigned whole = static_cast<unsigned>(sum + 0.5);
    return whole < 65535u ? whole : 65535u;
}

}  // namespace prepare

// Resizes, and sums the left and the right three quarters of what comes out.
KERNEL(prepare_triangle, prepare::TriangleParams, 256) {
    using namespace prepare;
    const int width = p.columns.outputs, part = static_cast<int>(static_cast<long long>(width) * 3 / 4);
    u64 left = 0, right = 0;
    for (int row = blockIdx.x; row < p.rows.outputs; row += gridDim.x) {
        const unsigned down = p.rows.starts[row], rows = p.rows.starts[row + 1] - down;
        for (int column = threadIdx.x; column < width; column += THREADS) {
            const unsigned across = p.columns.starts[column], columns = p.columns.starts[column + 1] - across;
            double sum = 0.0;
            for (unsigned i = 0; i < rows; i++) {
                const int y = clamped(p.rows.firsts[row] + static_cast<int>(i), p.rows.samples);
                double line = 0.0;
                for (unsigned k = 0; k < columns; k++) {
                    const int x = clamped(p.columns.firsts[column] + static_cast<int>(k), p.columns.samples);
                    line += static_cast<double>(p.curve[stored(p.source, y, x)]) * p.columns.weights[across + k];
                }
                sum += static_cast<double>(rounded(line)) * p.rows.weights[down + i];
            }
            const unsigned pixel = rounded(sum);
            p.plane[static_cast<size_t>(row) * width + column] = static_cast<u16>(pixel);
            if (column < part) left += pixel;
            if (column >= width - part) right += pixel;
        }
    }
    left = block_sum(left);
    right = block_sum(right);
    if (threadIdx.x == 0) {
        p.partial[2 * blockIdx.x] = left;
        p.partial[2 * blockIdx.x + 1] = right;
    }
}

// Whether the left is brighter.
KERNEL(prepare_sides, prepare::SettleParams, 256) {
    using namespace prepare;
    const u64* partial = static_cast<const u64*>(p.partial);
    const u64 left = sum_of_blocks(partial, static_cast<int>(p.blocks), 0);
    const u64 right = sum_of_blocks(partial, static_cast<int>(p.blocks), 1);
    if (threadIdx.x == 0) *static_cast<int*>(p.settled) = left > right;
}

KERNEL(prepare_align, prepare::TriangleParams, 256) {
    using namespace prepare;
    const int width = p.columns.outputs, fours = (width + 3) / 4;
    const size_t at = blockIdx.x * size_t{THREADS} + threadIdx.x;
    const int row = static_cast<int>(at / fours), column = static_cast<int>(at % fours) * 4;
    if (row >= p.rows.outputs) return;
    const bool mirrored = *static_cast<const int*>(p.settled) != 0;
    const u16* line = p.plane + static_cast<size_t>(row) * width;
    const int there = min(4, width - column);
    float out[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < there; k++) {
        const int x = column + k;
        out[k] = (static_cast<float>(line[mirrored ? width - 1 - x : x]) - p.mean) / p.deviation;
    }
    store_four(p.to + static_cast<size_t>(row) * width + column, width % 4 == 0, there, out[0], out[1], out[2], out[3]);
}
