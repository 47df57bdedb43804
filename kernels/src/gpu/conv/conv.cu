// Convolutions of values channels last, as matrix products without a copy of the input (implicit GEMM).
//
//   y[n, r, c, o] = sum over ky, kx, i of x[n, r * stride + ky - top, c * stride + kx - left, i] * w[o, i, ky, kx]
//
// The reference is `Work::Conv` on a processor (cpu/conv/direct.rs). A block makes a tile of 128 output pixels, some rows
// by some columns, for BN output channels. The input pixels that the tile needs, with their halo, come into shared memory
// once for each chunk of KC channels, and serve all taps from there; the weights of the chunk come beside them, already in
// the order of shared memory. Two stages: the next chunk is copied while this one is multiplied.
//
// Every sum is made chunk by chunk, tap by tap, channel by channel, whatever the tile, the image or the batch.
//
// Bytes from memory: input (1 + halo) times for each BN channels of output, weights once for each tile (from L2), output
// once. Operations: 2 * pixels * taps * inputs * outputs, inputs and outputs rounded up to KC and BN.
//
// History
//   1  mma.sync m16n8k16, ldmatrix, cp.async in two stages, rows of shared memory padded by 16 bytes so that eight of them
//      lie in different banks; channels of the fragments permuted in the weights so that a lane stores 8 or 16 bytes.
//      Not timed on a card yet.
#include "../ends.cuh"

struct ConvParams {
    const void* x;
    const void* weights;
    Ends ends;
    int rows, columns, pixel;          // of the input; values from pixel to pixel
    int out_rows, out_columns;         // of the output
    int chunks;                        // of KC input channels
    int kernel, stride, top, left;     // of the window
    int halo_rows, halo_columns, step; // pixels of the input that a tile needs, and how far apart
    int tile_shift;                    // log2 of a tile's columns
    int tiles_down, tiles_across;
};
static_assert(sizeof(ConvParams) == 16 + 80 + 64, "as in conv/mod.rs");

constexpr int TILE = 128;    // output pixels of a block
constexpr int THREADS = 128; // of a block

// Where a block's tile lies.
struct Tile {
    int image, row, column;

    DEVICE Tile(const ConvParams& p) {
        const int per_image = p.tiles_down * p.tiles_across;
        const int at = blockIdx.x % per_image;
        image = blockIdx.x / per_image;
        column = at % p.tiles_across << p.tile_shift;
        row = at / p.tiles_across * (TILE >> p.tile_shift);
    }

    // The pixel of the output, counted through all images, or -1 outside.
    DEVICE long long output(const ConvParams& p, int m) const {
        const int r = row + (m >> p.tile_shift), c = column + (m & ((1 << p.tile_shift) - 1));
        if (r >= p.out_rows || c >= p.out_columns)
            return -1;
        return (static_cast<long long>(image) * p.out_rows + r) * p.out_columns + c;
    }

    // The place among the halo's pixels of what output pixel m multiplies by the first tap.
    DEVICE int input(const ConvParams& p, int m) const {
        const int apart = p.stride / p.step;
        return (m >> p.tile_shift) * apart * p.halo_columns + (m & ((1 << p.tile_shift) - 1)) * apart;
    }
};

// Copies chunks of input and weights to shared memory. A row of it is a pixel, or an output channel of a tap, with KC
// values and 16 bytes that keep neighbours in other banks.
template <typename T, int BN, int KC> struct Loader {
    static constexpr int VECTOR = 16 / sizeof(T);
    static constexpr int ROW = KC * static_cast<int>(sizeof(T)) + 16;
    static constexpr int PARTS = KC / VECTOR;

    const ConvParams& p;
    int* places; // of the halo's pixels in the input, -1 outside
    unsigned char* stages;
    int halo, taps;

    DEVICE Loader(const ConvParams& params, const Tile& tile, unsigned char* shared) : p(params) {
        halo = p.halo_rows * p.halo_columns;
        taps = p.kernel * p.kernel;
        places = reinterpret_cast<int*>(shared);
        stages = shared + (halo * 4 + 127) / 128 * 128;
        for (int i = threadIdx.x; i < halo; i += THREADS) {
            const int r = tile.row * p.stride - p.top + i / p.halo_columns * p.step;
            const int c = tile.column * p.stride - p.left + i % p.halo_columns * p.step;
            const bool inside = r >= 0 && r < p.rows && c >= 0 && c < p.columns;
            places[i] = inside ? (tile.image * p.rows + r) * p.columns + c : -1;
        }
        __syncthreads();
    }

    DEVICE unsigned char* input(int stage) const { return stages + stage * (halo + taps * BN) * ROW; }
    DEVICE unsigned char* weights(int stage) const { return input(stage) + halo * ROW; }

    DEVICE void load(int chunk) const {
        unsigned char* to = input(chunk % 2);
        for (int v = threadIdx.x; v < halo * PARTS; v += THREADS) {
            const int place = places[v / PARTS], part = v % PARTS;
            const T* from = static_cast<const T*>(p.x) + static_cast<size_t>(place < 0 ? 0 : place) * p.pixel;
            copy_async_16(to + v / PARTS * ROW + part * 16, from + chunk * KC + part * VECTOR, place >= 0);
        }
        to = weights(chunk % 2);
        const T* from = static_cast<const T*>(p.weights) +
                        (static_cast<size_t>(blockIdx.y) * p.chunks + chunk) * taps * BN * KC;
        for (int v = threadIdx.x; v < taps * BN * PARTS; v += THREADS)
            copy_async_16(to + v / PARTS * ROW + v % PARTS * 16, from + v * VECTOR, true);
        copy_async_commit();
    }

    // Runs `multiply(input, weights)` for each chunk.
    template <typename Multiply> DEVICE void each_chunk(Multiply multiply) const {
        load(0);
        for (int chunk = 0; chunk < p.chunks; ++chunk) {
            if (chunk + 1 < p.chunks) {
                load(chunk + 1);
                copy_async_wait<1>();
            } else {
                copy_async_wait<0>();
            }
            __syncthreads();
            multiply(input(chunk % 2), weights(chunk % 2));
            __syncthreads();
        }
    }
};

// On tensor cores: WR by WC warps, each MT x 16 pixels by NT x 8 channels.
template <typename T, int MT, int NT, int WR, int WC, int KC> DEVICE void conv_mma(const ConvParams& p) {
    constexpr int BN = WC * NT * 8;
    constexpr int GROUP = NT < 4 ? NT : 4; // n-tiles whose channels a lane has side by side
    static_assert(WR * MT * 16 == TILE && WR * WC * 32 == THREADS && NT % 2 == 0, "a block's shape");
    using Load = Loader<T, BN, KC>;
    DYNAMIC_SHARED(shared);
    const Tile tile(p);
    const Load loader(p, tile, shared);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int first_pixel = warp % WR * MT * 16, first_channel = warp / WR * NT * 8;

    int a_at[MT];
    for (int i = 0; i < MT; ++i)
        a_at[i] = tile.input(p, first_pixel + i * 16 + lane % 16) * Load::ROW + lane / 16 * 16;
    const int b_at = (first_channel + lane / 16 * 8 + lane % 8) * Load::ROW + lane / 8 % 2 * 16;

    float sums[MT][NT][4] = {};
    loader.each_chunk([&](const unsigned char* input, const unsigned char* weights) {
        for (int tap = 0; tap < loader.taps; ++tap) {
            const unsigned char* x = input + (tap / p.kernel * p.halo_columns + tap % p.kernel) * Load::ROW;
            const unsigned char* w = weights + tap * BN * Load::ROW + b_at;
#pragma unroll
            for (int k = 0; k < KC * 2; k += 32) {
                unsigned a[MT][4], b[NT / 2][4];
#pragma unroll
                for (int i = 0; i < MT; ++i)
                    ldmatrix_x4(a[i], x + a_at[i] + k);
#pragma unroll
                for (int j = 0; j < NT / 2; ++j)
                    ldmatrix_x4(b[j], w + j * 16 * Load::ROW + k);
#pragma unroll
                for (int i = 0; i < MT; ++i)
#pragma unroll
                    for (int j = 0; j < NT; ++j) {
                        const unsigned half[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
                        mma_16816<T>(sums[i][j], a[i], half);
                    }
            }
        }
    });

#pragma unroll
    for (int i = 0; i < MT; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const long long pixel = tile.output(p, first_pixel + i * 16 + half * 8 + lane / 4);
            if (pixel < 0)
                continue;
#pragma unroll
            for (int j = 0; j < NT; j += GROUP) {
                float v[GROUP * 2];
#pragma unroll
                for (int g = 0; g < GROUP; ++g) {
                    v[g * 2] = sums[i][j + g][half * 2];
                    v[g * 2 + 1] = sums[i][j + g][half * 2 + 1];
                }
                const int channel = blockIdx.y * BN + first_channel + j * 8 + lane % 4 * GROUP * 2;
                finish<T>(p.ends, pixel, channel, v);
            }
        }
}

// In f32, without tensor cores: a thread makes BN / 4 pixels of four channels. Values that it reads are f32; T is what it
// may write. Weights are [tap][channel in][BN].
template <typename T, int BN, int KC> DEVICE void conv_f32(const ConvParams& p) {
    constexpr int QUADS = BN / 4, PIXELS = TILE * QUADS / THREADS;
    // The weights of a tap are KC rows of BN values: as many bytes as BN rows of KC, without the padding between them.
    using Load = Loader<float, BN, KC>;
    DYNAMIC_SHARED(shared);
    const Tile tile(p);
    const Load loader(p, tile, shared);
    const int quad = threadIdx.x % QUADS, first_pixel = threadIdx.x / QUADS * PIXELS;

    int at[PIXELS];
#pragma unroll
    for (int i = 0; i < PIXELS; ++i)
        at[i] = tile.input(p, first_pixel + i) * Load::ROW;

    float sums[PIXELS][4] = {};
    loader.each_chunk([&](const unsigned char* input, const unsigned char* weights) {
        for (int tap = 0; tap < loader.taps; ++tap) {
            const unsigned char* x = input + (tap / p.kernel * p.halo_columns + tap % p.kernel) * Load::ROW;
#pragma unroll
            for (int k = 0; k < KC; k += 4) {
                float w[4][4];
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    // Value v of the tap's weights lies in row v / KC.
                    const int v = (k + i) * BN + quad * 4;
                    const unsigned char* row = weights + (tap * BN + v / KC) * Load::ROW;
                    read<float>(reinterpret_cast<const float*>(row) + v % KC, w[i]);
                }
#pragma unroll
                for (int i = 0; i < PIXELS; ++i) {
                    float a[4];
                    read<float>(reinterpret_cast<const float*>(x + at[i]) + k, a);
#pragma unroll
                    for (int j = 0; j < 4; ++j)
#pragma unroll
                        for (int o = 0; o < 4; ++o)
                            sums[i][o] = fmaf(a[j], w[j][o], sums[i][o]);
                }
            }
        }
    });

#pragma unroll
    for (int i = 0; i < PIXELS; ++i) {
        const long long pixel = tile.output(p, first_pixel + i);
        if (pixel >= 0)
            finish<T>(p.ends, pixel, blockIdx.y * BN + quad * 4, sums[i]);
    }
}

#define CONV_MMA(T, K)                                                                                                 \
    KERNEL(conv_##T##_n16_k##K, ConvParams, 128) { conv_mma<T, 2, 2, 4, 1, K>(p); }                                    \
    KERNEL(conv_##T##_n32_k##K, ConvParams, 128) { conv_mma<T, 2, 4, 4, 1, K>(p); }                                    \
    KERNEL(conv_##T##_n64_k##K, ConvParams, 128) { conv_mma<T, 2, 8, 4, 1, K>(p); }                                    \
    KERNEL(conv_##T##_n128_k##K, ConvParams, 128) { conv_mma<T, 4, 8, 2, 2, K>(p); }
CONV_MMA(bf16, 16)
CONV_MMA(bf16, 32)
CONV_MMA(f16, 16)
CONV_MMA(f16, 32)

KERNEL(conv_f32_n16, ConvParams, 128) { conv_f32<float, 16, 16>(p); }
KERNEL(conv_f32_n32, ConvParams, 128) { conv_f32<float, 32, 16>(p); }
KERNEL(conv_f32_n64, ConvParams, 128) { conv_f32<float, 64, 16>(p); }
// Of large windows with long strides, whose halo leaves little room.
KERNEL(conv_f32_n16_k8, ConvParams, 128) { conv_f32<float, 16, 8>(p); }
// Of wide values in a network of narrow ones: maps of one pixel.
KERNEL(conv_wide_bf16, ConvParams, 128) { conv_f32<bf16, 16, 8>(p); }
KERNEL(conv_wide_f16, ConvParams, 128) { conv_f32<f16, 16, 8>(p); }
