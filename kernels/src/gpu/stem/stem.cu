// The first convolution of a network: few input channels, f32 planes as they came, and a max pool behind it if there is
// one.
//
//   y[n, r, c, o] = max over a window of sum over i, ky, kx of x[n, i, ...] * w[o, i, ky, kx]
//
// The reference is `Work::Stem` on a processor (cpu/conv/stem.rs). A block makes a tile of pooled pixels. The planes that
// it needs come into shared memory once; then, 16 output channels at a time, the convolution's sums are made there, four
// pixels by four channels a thread, and pooled from there: they never reach memory. Bias and activations that do not fall
// commute with the maximum. Without a pool the window is one pixel.
//
// Sums at the edges of tiles are made again by the neighbour, channel by channel and tap by tap: the same bits.
//
// Bytes from memory: planes (1 + halo) times, the pooled values once. Operations: 2 * taps * inputs * outputs for each
// pixel before the pool.
//
// History
//   1  sums in f32 on plain cores, from shared memory. Not timed on a card yet.
#include "../ends.cuh"

struct StemParams {
    const float* x;
    const float* weights; // [16 channels' block][in][tap][16]
    Ends ends;
    int inputs, rows, columns;                // of a plane
    int kernel, stride, top, left;            // of the convolution
    int conv_rows, conv_columns;              // of its result
    int window, step, pool_top, pool_left;    // of the pool
    int out_rows, out_columns, outputs;       // of its result; channels rounded up
    int tile;                                 // rows and columns of pooled pixels of a block
    int sums_across, planes_across;           // columns of sums and of plane pixels that a tile needs
    int unused;
};
static_assert(sizeof(StemParams) == 16 + 80 + 20 * 4, "as in stem/mod.rs");

constexpr int STEM_THREADS = 256;
constexpr int STEM_CHANNELS = 16; // at a time
constexpr int STEM_PIXELS = 4;    // of a thread at a time

template <typename T> DEVICE void stem(const StemParams& p) {
    DYNAMIC_SHARED(shared);
    const int taps = p.kernel * p.kernel, sums_count = p.sums_across * p.sums_across;
    const int plane = p.planes_across * p.planes_across;
    float* weights = reinterpret_cast<float*>(shared);
    float* sums = weights + p.inputs * taps * STEM_CHANNELS;
    float* planes = sums + sums_count * STEM_CHANNELS;

    const int image = blockIdx.z;
    const int out_row = blockIdx.y * p.tile, out_column = blockIdx.x * p.tile;
    const int conv_row = out_row * p.step - p.pool_top, conv_column = out_column * p.step - p.pool_left;
    const int row = conv_row * p.stride - p.top, column = conv_column * p.stride - p.left;
    for (int i = threadIdx.x; i < p.inputs * plane; i += STEM_THREADS) {
        const int r = row + i % plane / p.planes_across, c = column + i % p.planes_across;
        const bool inside = r >= 0 && r < p.rows && c >= 0 && c < p.columns;
        const size_t from = (static_cast<size_t>(image) * p.inputs + i / plane) * p.rows * p.columns;
        planes[i] = inside ? p.x[from + static_cast<size_t>(r) * p.columns + c] : 0.0f;
    }

    const int quad = threadIdx.x % 4, apart = (sums_count + STEM_PIXELS - 1) / STEM_PIXELS;
    for (int channel = 0; channel < p.outputs; channel += STEM_CHANNELS) {
        const int block = p.inputs * taps * STEM_CHANNELS;
        for (int i = threadIdx.x; i < block; i += STEM_THREADS)
            weights[i] = p.weights[channel / STEM_CHANNELS * block + i];
        __syncthreads();

        for (int first = threadIdx.x / 4; first < apart; first += STEM_THREADS / 4) {
            int at[STEM_PIXELS];
            float sum[STEM_PIXELS][4] = {};
#pragma unroll
            for (int i = 0; i < STEM_PIXELS; ++i) {
                const int pixel = first + i * apart < sums_count ? first + i * apart : first;
                at[i] = (pixel / p.sums_across * p.planes_across + pixel % p.sums_across) * p.stride;
            }
            for (int in = 0; in < p.inputs; ++in)
                for (int tap = 0; tap < taps; ++tap) {
                    const float* x = planes + in * plane + tap / p.kernel * p.planes_across + tap % p.kernel;
                    float w[4];
                    read<float>(weights + (in * taps + tap) * STEM_CHANNELS + quad * 4, w);
#pragma unroll
                    for (int i = 0; i < STEM_PIXELS; ++i)
#pragma unroll
                        for (int o = 0; o < 4; ++o)
                            sum[i][o] = fmaf(x[at[i]], w[o], sum[i][o]);
                }
#pragma unroll
            for (int i = 0; i < STEM_PIXELS; ++i)
                if (first + i * apart < sums_count)
                    write<float>(sums + (first + i * apart) * STEM_CHANNELS + quad * 4, sum[i]);
        }
        __syncthreads();

        for (int i = threadIdx.x; i < p.tile * p.tile * 4; i += STEM_THREADS) {
            const int r = i / 4 / p.tile, c = i / 4 % p.tile;
            if (out_row + r >= p.out_rows || out_column + c >= p.out_columns)
                continue;
            float most[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
            for (int y = r * p.step; y < r * p.step + p.window; ++y)
                for (int x = c * p.step; x < c * p.step + p.window; ++x) {
                    const bool inside = conv_row + y >= 0 && conv_row + y < p.conv_rows && conv_column + x >= 0 &&
                                        conv_column + x < p.conv_columns;
                    if (!inside)
                        continue;
                    float v[4];
                    read<float>(sums + (y * p.sums_across + x) * STEM_CHANNELS + quad * 4, v);
                    for (int o = 0; o < 4; ++o)
                        most[o] = larger(most[o], v[o]);
                }
            const size_t pixel =
                (static_cast<size_t>(image) * p.out_rows + out_row + r) * p.out_columns + out_column + c;
            finish<T>(p.ends, pixel, channel + quad * 4, most);
        }
        __syncthreads();
    }
}

KERNEL(stem_f32, StemParams, 256) { stem<float>(p); }
KERNEL(stem_bf16, StemParams, 256) { stem<bf16>(p); }
KERNEL(stem_f16, StemParams, 256) { stem<f16>(p); }
