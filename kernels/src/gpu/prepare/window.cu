// A window of NYU's, standardised: GMIC's input, and BCC's without augmentation.
//
//     x = above(stored) within the source, 0 around it;  out = (x - mean) / deviation
//
// Reference: `Steps::Window` in host.rs. Bit for bit: the sums are of whole numbers, and what follows is one IEEE
// operation after the other, in the same order.
//
// Versions:
// 1. One thread a pixel, places beside the source asked for pixel by pixel.
// 2. Rows are uploaded so that four neighbours of the window are four aligned neighbours of the source, mirrored or not,
//    with air beside it: one read of 8 bytes and one write of 16 a thread, one question for four pixels.
//
// Bytes: 2 a pixel of the source twice (the second time from the L2 cache, which holds a breast), 4 a pixel of the
// window: 34 MB for a window of 2944 x 1920 that is all breast, 10 us at 3.35 TB/s.
#include "prepare.cuh"

namespace prepare {

struct WindowParams {
    Rectangle source;
    Axis rows;
    Axis columns;
    float* to;
    void* partial;
    Standard* settled;
    Frame frame;
    Air air;
    int unused;
};
static_assert(sizeof(WindowParams) == 152, "as in the host's source");

// To f64, to nearest, ties to even: 64 bits with the lost ones in the last, and then a power of two.
DEVICE double rounded(unsigned __int128 x) {
    bool lost = false;
    double power = 1.0;
    while (x >> 64) {
        lost |= static_cast<bool>(x & 1);
        x >>= 1;
        power *= 2.0;
    }
    return static_cast<double>(static_cast<u64>(x) | static_cast<u64>(lost)) * power;
}

}  // namespace prepare

// The sum of the pixels and that of their squares. What lies beside the source is air and counts nothing.
KERNEL(prepare_moments, prepare::WindowParams, 256) {
    using namespace prepare;
    const size_t eights = static_cast<size_t>(p.source.rows) * p.source.pitch / 8;
    const uint4* pixels = reinterpret_cast<const uint4*>(p.source.pixels);
    u64 sum = 0, squares = 0;
    for (size_t i = blockIdx.x * size_t{THREADS} + threadIdx.x; i < eights; i += size_t{gridDim.x} * THREADS) {
        const uint4 eight = pixels[i];
        const unsigned words[4] = {eight.x, eight.y, eight.z, eight.w};
        unsigned part = 0;
        for (int k = 0; k < 4; k++) {
            const unsigned low = above(p.air, words[k] & 0xFFFF), high = above(p.air, words[k] >> 16);
            part += low + high;
            squares += u64{low} * low + u64{high} * high;
        }
        sum += part;
    }
    u64* partial = static_cast<u64*>(p.partial) + 2 * blockIdx.x;
    sum = block_sum(sum);
    squares = block_sum(squares);
    if (threadIdx.x == 0) {
        partial[0] = sum;
        partial[1] = squares;
    }
}

// Mean and deviation (population, at least 1e-5) of as many pixels as the window has.
KERNEL(prepare_standard, prepare::SettleParams, 256) {
    using namespace prepare;
    const u64* partial = static_cast<const u64*>(p.partial);
    const u64 sum = sum_of_blocks(partial, static_cast<int>(p.blocks), 0);
    const u64 squares = sum_of_blocks(partial, static_cast<int>(p.blocks), 1);
    if (threadIdx.x != 0) return;
    using u128 = unsigned __int128;
    const u128 spread = u128{p.count} * squares - u128{sum} * sum;
    const double n = static_cast<double>(p.count);
    const double variance = rounded(spread) / (n * n);
    const double mean = static_cast<double>(sum) / n;
    const float deviation = static_cast<float>(fmax(sqrt(variance), 1e-5));
    *static_cast<Standard*>(p.settled) = {static_cast<float>(mean), deviation, mean};
}

KERNEL(prepare_window, prepare::WindowParams, 256) {
    using namespace prepare;
    const int fours = (p.frame.columns + 3) / 4;
    const size_t at = blockIdx.x * size_t{THREADS} + threadIdx.x;
    const int row = static_cast<int>(at / fours), column = static_cast<int>(at % fours) * 4;
    if (row >= p.frame.rows) return;
    const Rectangle& source = p.source;
    const int y = row - p.frame.row, x = column - p.frame.column;
    // The first, in memory, of the four.
    const int first = source.lead + (source.mirrored ? source.columns - 4 - x : x);
    uint2 four = make_uint2(0, 0);
    const bool shown = 0 <= y && y < source.rows && 0 <= first && first < source.pitch;
    if (shown) four = *reinterpret_cast<const uint2*>(&source.pixels[static_cast<size_t>(y) * source.pitch + first]);
    unsigned v[4] = {four.x & 0xFFFF, four.x >> 16, four.y & 0xFFFF, four.y >> 16};
    const float mean = p.settled->mean, deviation = p.settled->deviation;
    float out[4];
    for (int k = 0; k < 4; k++) {
        const unsigned pixel = shown ? above(p.air, static_cast<int>(v[source.mirrored ? 3 - k : k])) : 0;
        out[k] = (static_cast<float>(pixel) - mean) / deviation;
    }
    const bool aligned = p.frame.columns % 4 == 0;
    float* to = p.to + static_cast<size_t>(row) * p.frame.columns + column;
    store_four(to, aligned, min(4, p.frame.columns - column), out[0], out[1], out[2], out[3]);
}
