// What a card could do at most: copies of memory, multiply-adds in registers, products of tensor cores. Figures of
// networks are held against these, not against a data sheet.
//
// The matrix rate is that of mma.sync.m16n8k16, which the networks' kernels use. Hopper's warp groups (wgmma) reach more.
//
// History
//   1  as described. Not timed on a card yet.
#include "../device.cuh"

struct CeilingCopyParams {
    const uint4* from;
    uint4* to;
    long long count;
};

// A thread copies four times 16 bytes, a block apart, all read before any is written.
KERNEL(ceiling_copy, CeilingCopyParams, 256) {
    const long long first = static_cast<long long>(blockIdx.x) * 1024 + threadIdx.x;
    uint4 held[4];
    for (int i = 0; i < 4; ++i)
        if (first + 256 * i < p.count)
            held[i] = p.from[first + 256 * i];
    for (int i = 0; i < 4; ++i)
        if (first + 256 * i < p.count)
            p.to[first + 256 * i] = held[i];
}

struct CeilingRateParams {
    float* out;     // written where a sum is `never`: so that no compiler leaves the sums out
    float never;    // what no sum is
    float factor;   // of the multiply-adds
    int steps;      // rounds
    unsigned one;   // 1.0 in the 16-bit format, in the lower half
};
static_assert(sizeof(CeilingCopyParams) == 24 && sizeof(CeilingRateParams) == 24, "as in ceiling/mod.rs");

// Multiply-adds of a thread in a step: 8 sums beside each other, 16 times.
KERNEL(ceiling_fma, CeilingRateParams, 256) {
    float sums[8];
    for (int i = 0; i < 8; ++i)
        sums[i] = static_cast<float>(threadIdx.x + i);
    for (int step = 0; step < p.steps; ++step)
#pragma unroll
        for (int j = 0; j < 16; ++j)
#pragma unroll
            for (int i = 0; i < 8; ++i)
                sums[i] = fmaf(sums[i], p.factor, p.factor);
    float total = 0.0f;
    for (int i = 0; i < 8; ++i)
        total += sums[i];
    if (total == p.never)
        p.out[threadIdx.x] = total;
}

// Products of a warp in a step: 8 sums of 16x8 beside each other, 4 times. Factors are of random signs and fractions: zeros
// would need less power, and so let the clock run faster than it does with values.
template <typename T> DEVICE void ceiling_mma(const CeilingRateParams& p) {
    unsigned a[4], b[2], state = (blockIdx.x * 256 + threadIdx.x) * 2654435761u + 12345u;
    for (int i = 0; i < 6; ++i) {
        state = state * 1664525u + 1013904223u;
        const unsigned two = (p.one << 16 | p.one) | (state >> 8 & 0x00400040u) | (state & 0x80008000u);
        if (i < 4)
            a[i] = two;
        else
            b[i - 4] = two;
    }
    float sums[8][4];
    for (int i = 0; i < 8; ++i)
        for (int j = 0; j < 4; ++j)
            sums[i][j] = static_cast<float>(i + j);
    for (int step = 0; step < p.steps; ++step)
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int i = 0; i < 8; ++i)
                mma_16816<T>(sums[i], a, b);
    float total = 0.0f;
    for (int i = 0; i < 8; ++i)
        for (int j = 0; j < 4; ++j)
            total += sums[i][j];
    if (total == p.never)
        p.out[threadIdx.x] = total;
}
KERNEL(ceiling_mma_bf16, CeilingRateParams, 256) { ceiling_mma<bf16>(p); }
KERNEL(ceiling_mma_f16, CeilingRateParams, 256) { ceiling_mma<f16>(p); }
