// Kernels that the simulator is tested with; their names begin with `test_`.
#include "device.cuh"

struct TestParams {
    const void* a;
    const void* b;
    void* out;
    int n;
};

DEVICE int test_thread() { return blockIdx.x * blockDim.x + threadIdx.x; }

KERNEL(test_empty, TestParams, 1024) {}

// out[i] = a[i] + b[i] in f32.
KERNEL(test_add, TestParams, 256) {
    int i = test_thread();
    if (i < p.n) {
        static_cast<float*>(p.out)[i] = static_cast<const float*>(p.a)[i] + static_cast<const float*>(p.b)[i];
    }
}

// out[i] += n in i32.
KERNEL(test_count, TestParams, 256) { static_cast<int*>(p.out)[test_thread()] += p.n; }

// Writes behind what it was given.
KERNEL(test_overrun, TestParams, 256) { static_cast<int*>(p.out)[p.n + test_thread()] = 1; }

// out[block] = sum of the block's values a[i], i < n, by shuffles within warps and shared memory between them.
KERNEL(test_sum, TestParams, 256) {
    SHARED float sums[8];
    int i = test_thread();
    float sum = i < p.n ? static_cast<const float*>(p.a)[i] : 0.0f;
    for (int lanes = 16; lanes > 0; lanes /= 2) {
        sum += __shfl_xor_sync(~0u, sum, lanes);
    }
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = sum;
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? sums[threadIdx.x] : 0.0f;
        for (int lanes = 4; lanes > 0; lanes /= 2) {
            sum += __shfl_down_sync(~0u, sum, lanes);
        }
        if (threadIdx.x == 0) {
            static_cast<float*>(p.out)[blockIdx.x] = sum;
        }
    }
}

// out[i] = a[n - 1 - i] by way of shared memory; `with_barrier` is what a correct kernel has.
template <bool with_barrier> DEVICE void test_turn(const TestParams& p) {
    DYNAMIC_SHARED(bytes);
    float* tile = reinterpret_cast<float*>(bytes);
    tile[threadIdx.x] = static_cast<const float*>(p.a)[threadIdx.x];
    if (with_barrier) {
        __syncthreads();
    }
    static_cast<float*>(p.out)[threadIdx.x] = tile[p.n - 1 - threadIdx.x];
}
KERNEL(test_turn_right, TestParams, 256) { test_turn<true>(p); }
KERNEL(test_turn_wrong, TestParams, 256) { test_turn<false>(p); }

// Half of the threads come to the barrier.
KERNEL(test_diverge, TestParams, 256) {
    if (threadIdx.x % 2 == 0) {
        __syncthreads();
    }
}

// Three votes, one of the block and two of the warp; then a broadcast. out[i] has a bit for each.
KERNEL(test_votes, TestParams, 256) {
    int block = __syncthreads_or(static_cast<int>(threadIdx.x) == p.n);
    int warp = __any_sync(~0u, static_cast<int>(threadIdx.x) == p.n);
    __syncwarp();
    unsigned lane = __shfl_sync(~0u, threadIdx.x % 32, p.n % 32);
    static_cast<int*>(p.out)[threadIdx.x] = (block != 0) | (warp != 0) << 1 | static_cast<int>(lane) << 2;
}

// out = a b for a of 16x16 and b of 16x8, stored by columns; T has 16 bits. out is f32 of 16x8. The fragments come by
// ldmatrix, or where n is not 0 from where the PTX ISA says.
template <typename T> DEVICE void test_mma(const TestParams& p) {
    SHARED uint4 a_rows[16 * 2];
    SHARED uint4 b_columns[8 * 2];
    unsigned lane = threadIdx.x;
    a_rows[lane] = static_cast<const uint4*>(p.a)[lane];
    if (lane < 16) {
        b_columns[lane] = static_cast<const uint4*>(p.b)[lane];
    }
    __syncthreads();
    unsigned a[4], b[2];
    float d[4] = {};
    ldmatrix_x4(a, &a_rows[lane % 16 * 2 + lane / 16]);
    ldmatrix_x2(b, &b_columns[lane % 8 * 2 + lane / 8 % 2]);
    if (p.n != 0) {
        auto pair = [](const void* rows, unsigned row, unsigned k) {
            return static_cast<const unsigned*>(rows)[row * 8 + k / 2];
        };
        for (unsigned i = 0; i < 4; i++) {
            a[i] = pair(p.a, lane / 4 + i % 2 * 8, lane % 4 * 2 + i / 2 * 8);
        }
        for (unsigned i = 0; i < 2; i++) {
            b[i] = pair(p.b, lane / 4, lane % 4 * 2 + i * 8);
        }
    }
    mma_16816<T>(d, a, b);
    float* out = static_cast<float*>(p.out);
    for (unsigned i = 0; i < 4; i++) {
        out[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = d[i];
    }
}
KERNEL(test_mma_bf16, TestParams, 32) { test_mma<bf16>(p); }
KERNEL(test_mma_f16, TestParams, 32) { test_mma<f16>(p); }

// out = a, 4 values a thread a step, through a ring of three stages; `groups` may be under way at each wait. One would
// be right: with two, the stage that is read has not come.
template <int groups> DEVICE void test_pipeline(const TestParams& p) {
    DYNAMIC_SHARED(bytes);
    float4* ring = reinterpret_cast<float4*>(bytes);
    const float4* from = static_cast<const float4*>(p.a);
    auto fetch = [&](int step) {
        unsigned i = step * blockDim.x + threadIdx.x;
        copy_async_16(&ring[step % 3 * blockDim.x + threadIdx.x], from + i, step < p.n);
        copy_async_commit();
    };
    fetch(0);
    fetch(1);
    for (int step = 0; step < p.n; step++) {
        copy_async_wait<groups>();
        __syncthreads();
        static_cast<float4*>(p.out)[step * blockDim.x + threadIdx.x] = ring[step % 3 * blockDim.x + threadIdx.x];
        fetch(step + 2);
    }
}
KERNEL(test_pipeline_right, TestParams, 256) { test_pipeline<1>(p); }
KERNEL(test_pipeline_wrong, TestParams, 256) { test_pipeline<2>(p); }

// out[i] = a[i] as T and back, for every 16-bit pattern or f32.
KERNEL(test_widen_bf16, TestParams, 256) {
    int i = test_thread();
    static_cast<float*>(p.out)[i] = to_float(static_cast<const bf16*>(p.a)[i]);
}
KERNEL(test_widen_f16, TestParams, 256) {
    int i = test_thread();
    static_cast<float*>(p.out)[i] = to_float(static_cast<const f16*>(p.a)[i]);
}
KERNEL(test_narrow_bf16, TestParams, 256) {
    int i = test_thread();
    static_cast<bf16*>(p.out)[i] = from_float<bf16>(static_cast<const float*>(p.a)[i]);
}
KERNEL(test_narrow_f16, TestParams, 256) {
    int i = test_thread();
    static_cast<f16*>(p.out)[i] = from_float<f16>(static_cast<const float*>(p.a)[i]);
}

// Every thread of every block: out[0] = their sum of 1, out[1] = the largest index, out[2] = all bits of the indices.
KERNEL(test_atomics, TestParams, 256) {
    unsigned* out = static_cast<unsigned*>(p.out);
    unsigned i = test_thread();
    atomicAdd(&out[0], 1u);
    atomicMax(&out[1], i);
    atomicOr(&out[2], i);
}

// n barriers, exchanges or products, for measurements.
KERNEL(test_barriers, TestParams, 1024) {
    for (int i = 0; i < p.n; i++) {
        __syncthreads();
    }
}
KERNEL(test_products, TestParams, 256) {
    unsigned a[4] = {0x3F803F80}, b[2] = {0x3F803F80};
    float d[4] = {};
    for (int i = 0; i < p.n; i++) {
        mma_16816<bf16>(d, a, b);
    }
    static_cast<float*>(p.out)[threadIdx.x] = d[0];
}

// out[i] = what shared memory holds before anybody has written it: static, dynamic.
KERNEL(test_unwritten, TestParams, 32) {
    SHARED float values[32];
    DYNAMIC_SHARED(bytes);
    static_cast<float*>(p.out)[threadIdx.x] = values[threadIdx.x];
    static_cast<float*>(p.out)[threadIdx.x + 32] = reinterpret_cast<float*>(bytes)[threadIdx.x];
    values[threadIdx.x] = 1.0f;
}

// Has more on its stack than a thread of the simulator may.
KERNEL(test_large_stack, TestParams, 64) {
    volatile unsigned char many[63 << 10];
    for (unsigned i = 0; i < sizeof many; i++) {
        many[i] = static_cast<unsigned char>(i);
    }
    static_cast<unsigned char*>(p.out)[threadIdx.x] = many[p.n];
}

// Mistakes: cp.async between global addresses; index n + 1 into an array of 33; vectors at `out`.
KERNEL(test_copy_anywhere, TestParams, 64) { copy_async_16(p.out, p.a, true); }
KERNEL(test_index, TestParams, 64) {
    SHARED float values[33];
    if (static_cast<int>(threadIdx.x) <= p.n + 1) {
        values[threadIdx.x] = 1.0f;
    }
    __syncthreads();
    static_cast<float*>(p.out)[threadIdx.x] = values[p.n];
}
KERNEL(test_vectors, TestParams, 64) { static_cast<float4*>(p.out)[threadIdx.x] = make_float4(1, 2, 3, 4); }
