// The simulator's half of `device.cuh`: the language of the kernels in plain C++.
//
// A thread of a block is a fiber. Where it waits for others, at a barrier or in what a warp does together, another runs;
// until then nothing interrupts it. So what lacks a barrier sees what has not been written yet. A thread that spins
// until another has written something spins for ever.
//
// Invariant: what is integer, or one IEEE operation after another, gives the bits that a card gives. Sums of tensor
// cores do not: here the 16 products, exact in f32, are added one by one in order of k; a card aligns and truncates.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <math.h>

struct alignas(8) int2 { int x, y; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };

inline int2 make_int2(int x, int y) { return {x, y}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace simulator {

struct Dim3 {
    unsigned x, y, z;
};

// What a thread sees of its block.
struct Block {
    Dim3 index, size, grid;
    unsigned char* dynamic_shared;
};

// What a thread sees of itself.
struct Thread {
    Dim3 index;
    unsigned lane;
    const Block* block;
};

// A fiber's stack, aligned to its size; its last bytes say which thread runs on it.
constexpr std::size_t stack_bytes = 64 << 10;
constexpr std::size_t stack_reserved_bytes = 64;

inline Thread*& thread_on(const void* stack_address) {
    auto stack = reinterpret_cast<std::uintptr_t>(stack_address) & ~(stack_bytes - 1);
    return *reinterpret_cast<Thread**>(stack + stack_bytes - stack_reserved_bytes);
}

// The thread that calls.
inline Thread* current() { return thread_on(__builtin_frame_address(0)); }

// Puts a kernel where cuModuleGetFunction finds it.
struct Registration {
    Registration(const char* name, void (*run)(const void*), std::size_t parameter_bytes, unsigned threads);
};

// Waits for all threads of the block; whether one of them gave true.
bool barrier(bool value);

unsigned shuffle(unsigned mask, unsigned value, unsigned source_lane);
bool any(unsigned mask, bool value);
void ldmatrix(unsigned* r, int matrices, const void* shared_row);
void mma_bf16(float* d, const unsigned* a, const unsigned* b);
void mma_f16(float* d, const unsigned* a, const unsigned* b);

void copy_async(void* shared, const void* global, unsigned bytes, bool valid);
void commit_copies();
void wait_for_copies(int groups_under_way);

template <typename To, typename From> To bits_as(From x) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    std::memcpy(&to, &x, sizeof to);
    return to;
}

// 16-bit floats, as cvt.rn and cvt.f32 of the PTX ISA convert them: a NaN of an f16, or made one, is the canonical one.
constexpr std::uint32_t infinity = 0x7F800000, magnitude = 0x7FFFFFFF;

inline float widen_bf16(std::uint16_t bits) { return bits_as<float>(static_cast<std::uint32_t>(bits) << 16); }

inline float widen_f16(std::uint16_t bits) {
    std::uint32_t sign = (bits & 0x8000u) << 16, rest = bits & 0x7FFFu;
    // With the exponent's bias of f32 instead of f16 the value is too small by 2^112, also where it is subnormal.
    std::uint32_t finite = bits_as<std::uint32_t>(bits_as<float>(rest << 13) * 0x1p112f);
    std::uint32_t result = sign | (rest >= 0x7C00 ? infinity : finite);
    return bits_as<float>(rest > 0x7C00 ? magnitude : result);
}

std::uint16_t narrow_f16(float x);
std::uint16_t narrow_bf16(float x);

// The lane's value, of 32 bits, from `source`, where that is in the lane's own segment of `width` lanes.
template <typename T> T shuffle_within(unsigned mask, T value, unsigned source, unsigned width) {
    unsigned lane = current()->lane;
    bool within = source / width == lane / width;
    return bits_as<T>(shuffle(mask, bits_as<unsigned>(value), within ? source : lane));
}

template <typename T> T atomic_update(T* at, T (*update)(T, T), T value) {
    T old = __atomic_load_n(at, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(at, &old, update(old, value), true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}

} // namespace simulator

// `build.rs` wraps every file of kernels into a namespace of its own, as every module on a card is its own.
#define KERNEL(name, Params, threads)                                                                                  \
    void name(const Params& p);                                                                                        \
    ::simulator::Registration name##_registration(                                                                     \
        #name, [](const void* parameters) { name(*static_cast<const Params*>(parameters)); }, sizeof(Params), threads);\
    void name([[maybe_unused]] const Params& p)
#define DEVICE inline
#define SHARED static thread_local
#define DYNAMIC_SHARED(name) [[maybe_unused]] unsigned char* const name = ::simulator::current()->block->dynamic_shared

#define threadIdx (::simulator::current()->index)
#define blockIdx (::simulator::current()->block->index)
#define blockDim (::simulator::current()->block->size)
#define gridDim (::simulator::current()->block->grid)

struct bf16 {
    unsigned short bits;
};

struct f16 {
    unsigned short bits;
};

inline unsigned __float_as_uint(float x) { return simulator::bits_as<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return simulator::bits_as<float>(x); }
inline int __float_as_int(float x) { return simulator::bits_as<int>(x); }
inline float __int_as_float(int x) { return simulator::bits_as<float>(x); }

inline float to_float(float x) { return x; }
inline float to_float(bf16 x) { return simulator::widen_bf16(x.bits); }
inline float to_float(f16 x) { return simulator::widen_f16(x.bits); }

template <typename T> T from_float(float x);
template <> inline float from_float<float>(float x) { return x; }
template <> inline bf16 from_float<bf16>(float x) { return {simulator::narrow_bf16(x)}; }
template <> inline f16 from_float<f16>(float x) { return {simulator::narrow_f16(x)}; }

inline void __syncthreads() { simulator::barrier(false); }
inline int __syncthreads_or(int value) { return simulator::barrier(value != 0); }
inline void __syncwarp(unsigned mask = ~0u) { simulator::any(mask, false); }
inline int __any_sync(unsigned mask, int value) { return simulator::any(mask, value != 0); }

template <typename T> T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    unsigned segment = simulator::current()->lane / width * width;
    return simulator::shuffle_within(mask, value, segment + static_cast<unsigned>(source) % width, width);
}
template <typename T> T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
    return simulator::shuffle_within(mask, value, simulator::current()->lane ^ lanes, width);
}
template <typename T> T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = 32) {
    return simulator::shuffle_within(mask, value, simulator::current()->lane + lanes, width);
}

template <typename T> void mma_16816(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);
template <> inline void mma_16816<bf16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    simulator::mma_bf16(d, a, b);
}
template <> inline void mma_16816<f16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    simulator::mma_f16(d, a, b);
}

inline void ldmatrix_x4(unsigned (&r)[4], const void* shared_row) { simulator::ldmatrix(r, 4, shared_row); }
inline void ldmatrix_x2(unsigned (&r)[2], const void* shared_row) { simulator::ldmatrix(r, 2, shared_row); }

inline void copy_async_16(void* shared, const void* global, bool valid) {
    simulator::copy_async(shared, global, 16, valid);
}
inline void copy_async_4(void* shared, const void* global, bool valid) {
    simulator::copy_async(shared, global, 4, valid);
}
inline void copy_async_commit() { simulator::commit_copies(); }
template <int N> void copy_async_wait() { simulator::wait_for_copies(N); }

inline unsigned atomicAdd(unsigned* at, unsigned x) { return __atomic_fetch_add(at, x, __ATOMIC_RELAXED); }
inline int atomicAdd(int* at, int x) { return __atomic_fetch_add(at, x, __ATOMIC_RELAXED); }
inline unsigned atomicOr(unsigned* at, unsigned x) { return __atomic_fetch_or(at, x, __ATOMIC_RELAXED); }
inline int atomicOr(int* at, int x) { return __atomic_fetch_or(at, x, __ATOMIC_RELAXED); }
inline unsigned atomicMax(unsigned* at, unsigned x) {
    return simulator::atomic_update<unsigned>(at, [](unsigned a, unsigned b) { return a > b ? a : b; }, x);
}
inline int atomicMax(int* at, int x) {
    return simulator::atomic_update<int>(at, [](int a, int b) { return a > b ? a : b; }, x);
}

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
using std::max;
using std::min;
