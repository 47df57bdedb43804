// What the kernels that prepare images share: their parameters, as `device.rs` fills them in, and sums over a block.
//
// Invariant: a sum's order depends on the picture's size alone, never on which block came first.
#pragma once

#include "../device.cuh"

namespace prepare {

constexpr int THREADS = 256;

using u64 = unsigned long long;
using u16 = unsigned short;

// The source: rows of so many pixels, each with `lead` of them before its first.
struct Rectangle {
    const u16* pixels;
    int pitch;
    int lead;
    int rows;
    int columns;
    int mirrored;
    int unused;
};

// Which samples make up each output along an axis: its first, and where its weights begin and the next one's do.
struct Axis {
    const int* firsts;
    const unsigned* starts;
    const double* weights;
    int samples;
    int outputs;
};

// What is no tissue: pixels are as much as they are above it, those from `least` to `most` are padding.
struct Air {
    int value;
    int least;
    int most;
};

// A picture of so many rows and columns, with the source's first pixel at a place of it.
struct Frame {
    int rows;
    int columns;
    int row;
    int column;
};

// The stored value that is shown at a place of the source.
DEVICE int stored(const Rectangle& source, int row, int column) {
    const int across = source.mirrored ? source.columns - 1 - column : column;
    return source.pixels[static_cast<size_t>(row) * source.pitch + source.lead + across];
}

DEVICE unsigned above(const Air& air, int v) {
    const bool nothing = (air.least <= v && v <= air.most) || v < air.value;
    return nothing ? 0u : static_cast<unsigned>(v - air.value);
}

// A sample before the first is the first, one behind the last is the last.
DEVICE int clamped(int sample, int samples) { return sample < 0 ? 0 : sample < samples ? sample : samples - 1; }

// The sum over the block's threads, for all of them.
template <typename T> DEVICE T block_sum(T value) {
    SHARED T parts[THREADS];
    const int thread = threadIdx.x;
    __syncthreads();
    parts[thread] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (thread < half) parts[thread] += parts[thread + half];
        __syncthreads();
    }
    return parts[0];
}

// The same of what all blocks have left, two numbers each, `which` being 0 or 1.
template <typename T> DEVICE T sum_of_blocks(const T* partial, int blocks, int which) {
    T sum = 0;
    for (int block = threadIdx.x; block < blocks; block += THREADS) sum += partial[2 * block + which];
    return block_sum(sum);
}

// What a sum over the whole picture ends in. `partial`: two numbers of each block; `settled`: 16 bytes.
struct SettleParams {
    const void* partial;
    void* settled;
    u64 count;
    u64 blocks;
};
static_assert(sizeof(SettleParams) == 32, "as in the host's source");

// Mean and deviation, as they are applied.
struct Standard {
    float mean;
    float deviation;
    double exact_mean;
};

// What is written is the network's input: nobody reads it here.
DEVICE void store_four(float* to, bool aligned, int there, float a, float b, float c, float d) {
    if (aligned) {
        *reinterpret_cast<float4*>(to) = make_float4(a, b, c, d);
    } else {
        const float four[4] = {a, b, c, d};
        for (int i = 0; i < 4; i++) {
            if (i < there) to[i] = four[i];
        }
    }
}

}  // namespace prepare
