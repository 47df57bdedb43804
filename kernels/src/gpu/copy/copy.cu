// Values from one place to another: inputs to channels last, parts of concatenations that could not be made in their
// place, results to planes; and the look at whether all are finite numbers.
//
// The reference is `Work::Import` and `Work::Copy` on a processor (cpu/copy.rs), and its export (cpu/run.rs).
//
// Bytes from memory: what is read and written, once. Planes are read and written in columns of threads along the pixels.
//
// History
//   1  a value a thread. Not timed on a card yet.
#include "../ends.cuh"

struct CopyParams {
    Operand x;
    Operand y;
    unsigned* not_finite; // set if a value is none; or null
    long long pixels;     // of y, or of x where there is no y
    int per_image;        // pixels of an image
    int channels;         // of a pixel of y, or of x where there is no y
    int from, to, count, times, among; // Copying
    int padded;           // channels of y rounded up
};
static_assert(sizeof(CopyParams) == 32 + 16 + 32, "as in copy/mod.rs");

DEVICE size_t thread() { return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

// f32 planes (N, C, H, W) to channels last; zeros in the rest of a block.
template <typename T> DEVICE void import(const CopyParams& p) {
    const size_t at = thread(), pixel = at % p.pixels;
    const int channel = at / p.pixels;
    if (channel >= p.padded)
        return;
    const float* planes = static_cast<const float*>(p.x.start);
    const size_t from = (pixel / p.per_image * p.channels + channel) * p.per_image + pixel % p.per_image;
    write_one<T>(p.y, pixel, channel, channel < p.channels ? planes[from] : 0.0f);
}

// Channels last to f32 planes.
template <typename T> DEVICE void outward(const CopyParams& p) {
    const size_t at = thread(), pixel = at % p.pixels;
    const int channel = at / p.pixels;
    if (channel >= p.channels)
        return;
    const float v = read_one<T>(p.x, pixel, channel);
    const size_t to = (pixel / p.per_image * p.channels + channel) * p.per_image + pixel % p.per_image;
    static_cast<float*>(p.y.start)[to] = v;
    if (!isfinite(v))
        atomicOr(p.not_finite, 1u);
}

// Whether all channels of all pixels are finite.
template <typename T> DEVICE void look(const CopyParams& p) {
    const size_t at = thread(), pixel = at / p.channels;
    if (pixel < static_cast<size_t>(p.pixels) && !isfinite(read_one<T>(p.x, pixel, at % p.channels)))
        atomicOr(p.not_finite, 1u);
}

// Channels `from` on, `count` of them, of `among` pixels one after the other, all of it `times` over, to channels `to` on;
// and zeros in the rest of a block behind the last channel.
template <typename T> DEVICE void copy(const CopyParams& p) {
    const int written = p.count * p.among * p.times, end = p.to + written;
    const int wide = written + (end == p.channels ? p.padded - p.channels : 0);
    const size_t at = thread(), pixel = at / wide;
    const int i = at % wide;
    if (pixel >= static_cast<size_t>(p.pixels))
        return;
    float v = 0.0f;
    if (i < written)
        v = read_one<T>(p.x, pixel * p.among + i / p.count % p.among, p.from + i % p.count);
    write_one<T>(p.y, pixel, p.to + i, v);
}

#define COPY(name, T)                                                                                                  \
    KERNEL(import_##name, CopyParams, 256) { import<T>(p); }                                                           \
    KERNEL(outward_##name, CopyParams, 256) { outward<T>(p); }                                                         \
    KERNEL(look_##name, CopyParams, 256) { look<T>(p); }                                                               \
    KERNEL(copy_##name, CopyParams, 256) { copy<T>(p); }
COPY(f32, float)
COPY(bf16, bf16)
COPY(f16, f16)
