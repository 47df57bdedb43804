// The language that Uvid's kernels are written in: CUDA C++ for a card, plain C++ for the simulator.
//
// A kernel includes this header alone and uses what it offers, so that the same source is compiled by nvcc for a card
// and by g++ for the tests. Under nvcc most names are CUDA's own; what follows adds the rest. The other half, with the
// same names and the same results, is `simulated.h` in `kernels/simulator/driver`.
//
// Invariant: what is integer, or one IEEE operation after another, gives the same bits in both (`-fmad=false`,
// `-ffp-contract=off`). Not so: expf and its kin (the last places), and sums of tensor cores (order and truncation).
//
//   KERNEL(name, Params, threads) { ... p ... }   a kernel, launched with at most `threads` threads a block; its one
//                                                 parameter is the struct `p`, by value
//   DEVICE                                        before a function that kernels call
//   SHARED float tile[32];                        static shared memory of the block
//   DYNAMIC_SHARED(name);                         `name`: the dynamic shared memory, bytes, aligned to 128; to nvcc a
//                                                 name of the whole file, that no other variable may have
//   bf16, f16, to_float(x), from_float<T>(x)      16-bit floats; T is float, bf16 or f16; to nearest, ties to even
//   mma_16816<T>(d, a, b)                         d += a*b on tensor cores, a whole warp together
//   ldmatrix_x4(r, row), ldmatrix_x2(r, row)      8x8 matrices of 16-bit values to fragments, a whole warp together
//   copy_async_16, copy_async_4, copy_async_commit, copy_async_wait<N>
//                                                 global to shared memory beside the computation (cp.async)
//   threadIdx, blockIdx, blockDim, gridDim, __syncthreads, __syncthreads_or, __syncwarp, __any_sync, __shfl_sync,
//   __shfl_xor_sync, __shfl_down_sync, atomicMax, atomicAdd, atomicOr, __float_as_uint, __uint_as_float, vector types,
//   math functions                                as in CUDA
#pragma once

#ifndef __CUDACC__
#include "simulated.h"
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Declared first, so that what is declared within is not C's: the same DYNAMIC_SHARED may stand in a function of C++.
#define KERNEL(name, Params, threads)                                                                                  \
    extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Params p);                      \
    __global__ void __launch_bounds__(threads) name(const __grid_constant__ Params p)
#define DEVICE __device__ __forceinline__
#define SHARED __shared__
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]

// IEEE binary32 cut to 16 bits: 8 of exponent, 7 of fraction.
struct bf16 {
    unsigned short bits;
};

// IEEE binary16.
struct f16 {
    unsigned short bits;
};

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }
DEVICE float to_float(f16 x) { return __half2float(__ushort_as_half(x.bits)); }

// `x` as a T, to nearest, ties to even. A NaN stays one; what an f16 cannot hold becomes infinite.
template <typename T> DEVICE T from_float(float x);
template <> DEVICE float from_float<float>(float x) { return x; }
template <> DEVICE bf16 from_float<bf16>(float x) { return {__bfloat16_as_ushort(__float2bfloat16_rn(x))}; }
template <> DEVICE f16 from_float<f16>(float x) { return {__half_as_ushort(__float2half_rn(x))}; }

// d += a*b for a of 16x16 (rows), b of 16x8 (columns) and d of 16x8, each lane with its fragments as the PTX ISA lays
// them out (mma.m16n8k16). T is bf16 or f16. Tensor cores align the products and truncate: their sum is not one of
// IEEE additions, so the last places differ from the simulator's.
template <typename T> DEVICE void mma_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);
template <> DEVICE void mma_16816<bf16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <> DEVICE void mma_16816<f16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE unsigned shared_address(const void* shared) { return static_cast<unsigned>(__cvta_generic_to_shared(shared)); }

// Four 8x8 matrices of 16-bit values: lane i gives the address of row i%8 of matrix i/8 (16 bytes, so aligned), and
// gets of each matrix j, in r[j], columns 2*(i%4) and the next of row i/4.
DEVICE void ldmatrix_x4(unsigned (&r)[4], const void* shared_row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(shared_row))
                 : "memory");
}

// The same of two matrices: the addresses are those of lanes 0 to 15.
DEVICE void ldmatrix_x2(unsigned (&r)[2], const void* shared_row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(shared_row))
                 : "memory");
}

// Begins to copy 16 bytes from global to shared memory, both aligned to 16; zeros where not `valid`. There after
// copy_async_wait, for this thread; for the block's others after a barrier behind it.
DEVICE void copy_async_16(void* shared, const void* global, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(valid ? 16 : 0)
                 : "memory");
}

// The same of 4 bytes, aligned to 4.
DEVICE void copy_async_4(void* shared, const void* global, bool valid) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(valid ? 4 : 0)
                 : "memory");
}

// Closes the group of this thread's copies begun since the last.
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the N newest groups of this thread are under way.
template <int N> DEVICE void copy_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

#endif
