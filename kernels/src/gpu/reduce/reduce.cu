// What is done with a whole map, and with a few vectors: reductions, softmax, attention.
//
// The reference is `Work::Reduce` on a processor (cpu/tail.rs). Vectors are few: their loops are plain, a thread to a
// channel or a block to an item. Every sum is made in one order, whatever the batch. What is no number stays none.
//
// Bytes from memory: input and output once.
//
// History
//   1  as described. Not timed on a card yet.
#include "../ends.cuh"

struct ReduceParams {
    Operand x[3];
    Operand y;
    long long pixels;  // of y
    int per_image;     // pixels of an image of x
    int channels, padded;
    int vectors;       // of an item; channels of a group in softmax_channels
    int heads;
    int mean;          // of a map: the mean, or the largest
};
static_assert(sizeof(ReduceParams) == 64 + 8 + 24, "as in reduce/mod.rs");

DEVICE size_t at() { return static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

// Mean or maximum over the pixels of an image. A block makes 32 channels: lane by channel, warp w takes pixels w, w + 8,
// ...; then the warps are joined one after the other.
template <typename T> DEVICE void over_map(const ReduceParams& p) {
    SHARED float parts[8][32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, channel = blockIdx.x * 32 + lane;
    const size_t image = blockIdx.y;
    const float nothing = p.mean ? 0.0f : -INFINITY;
    float part = nothing;
    if (channel < p.padded)
        for (int pixel = warp; pixel < p.per_image; pixel += 8) {
            const float v = read_one<T>(p.x[0], image * p.per_image + pixel, channel);
            part = p.mean ? part + v : larger(part, v);
        }
    parts[warp][lane] = part;
    __syncthreads();
    if (warp != 0 || channel >= p.padded)
        return;
    float whole = nothing;
    for (int w = 0; w < 8; ++w)
        whole = p.mean ? whole + parts[w][lane] : larger(whole, parts[w][lane]);
    write_one<T>(p.y, image, channel, p.mean ? whole / static_cast<float>(p.per_image) : whole);
}

template <typename T> DEVICE void tanh_of(const ReduceParams& p) {
    const size_t pixel = at() / p.padded;
    const int channel = at() % p.padded;
    if (pixel < static_cast<size_t>(p.pixels))
        write_one<T>(p.y, pixel, channel, tanhf(read_one<T>(p.x[0], pixel, channel)));
}

template <typename T> DEVICE void product(const ReduceParams& p) {
    const size_t pixel = at() / p.padded;
    const int channel = at() % p.padded;
    if (pixel < static_cast<size_t>(p.pixels))
        write_one<T>(p.y, pixel, channel, read_one<T>(p.x[0], pixel, channel) * read_one<T>(p.x[1], pixel, channel));
}

// exp(x) over the sum of all `count`, with the largest taken off first. `from(i)` reads, `to(i, v)` writes.
template <typename From, typename To> DEVICE void softmax(int count, From from, To to) {
    float most = -INFINITY, sum = 0.0f;
    for (int i = 0; i < count; ++i)
        most = larger(most, from(i));
    for (int i = 0; i < count; ++i)
        sum += expf(from(i) - most);
    for (int i = 0; i < count; ++i)
        to(i, expf(from(i) - most) / sum);
}

// Over each group of consecutive channels: a thread to a group. The rest of a block becomes 0.
template <typename T> DEVICE void softmax_channels(const ReduceParams& p) {
    const int groups = p.channels / p.vectors;
    const size_t pixel = at() / groups;
    const int first = at() % groups * p.vectors;
    if (pixel >= static_cast<size_t>(p.pixels))
        return;
    softmax(
        p.vectors, [&](int i) { return read_one<T>(p.x[0], pixel, first + i); },
        [&](int i, float v) { write_one<T>(p.y, pixel, first + i, v); });
    if (first == 0)
        for (int channel = p.channels; channel < p.padded; ++channel)
            write_one<T>(p.y, pixel, channel, 0.0f);
}

// Over the vectors of an item, channel by channel: a thread to a channel.
template <typename T> DEVICE void softmax_item(const ReduceParams& p) {
    const size_t item = at() / p.padded;
    const int channel = at() % p.padded;
    if (item >= static_cast<size_t>(p.pixels / p.vectors))
        return;
    softmax(
        p.vectors, [&](int i) { return read_one<T>(p.x[0], item * p.vectors + i, channel); },
        [&](int i, float v) { write_one<T>(p.y, item * p.vectors + i, channel, v); });
}

template <typename T> DEVICE void weighted_sum(const ReduceParams& p) {
    const size_t item = at() / p.padded;
    const int channel = at() % p.padded;
    if (item >= static_cast<size_t>(p.pixels))
        return;
    float sum = 0.0f;
    for (size_t v = item * p.vectors; v < (item + 1) * p.vectors; ++v)
        sum += read_one<T>(p.x[0], v, 0) * read_one<T>(p.x[1], v, channel);
    write_one<T>(p.y, item, channel, sum);
}

// Mean or maximum of the vectors of an item.
template <typename T> DEVICE void over_item(const ReduceParams& p) {
    const size_t item = at() / p.padded;
    const int channel = at() % p.padded;
    if (item >= static_cast<size_t>(p.pixels))
        return;
    float joined = p.mean ? 0.0f : -INFINITY;
    for (size_t v = item * p.vectors; v < (item + 1) * p.vectors; ++v) {
        const float x = read_one<T>(p.x[0], v, channel);
        joined = p.mean ? joined + x : larger(joined, x);
    }
    write_one<T>(p.y, item, channel, p.mean ? joined / static_cast<float>(p.vectors) : joined);
}

// A block to an item and a head: for each query the likeness of every key, their softmax, the sum of values.
template <typename T> DEVICE void attention(const ReduceParams& p) {
    DYNAMIC_SHARED(shared);
    float* likeness = reinterpret_cast<float*>(shared);
    const int part = p.channels / p.heads, head = blockIdx.y * part;
    const size_t first = static_cast<size_t>(blockIdx.x) * p.vectors;
    const float scale = static_cast<float>(1.0 / sqrt(static_cast<double>(part)));
    for (int query = 0; query < p.vectors; ++query) {
        for (int key = threadIdx.x; key < p.vectors; key += blockDim.x) {
            float sum = 0.0f;
            for (int k = 0; k < part; ++k)
                sum = fmaf(read_one<T>(p.x[0], first + query, head + k), read_one<T>(p.x[1], first + key, head + k), sum);
            likeness[key] = sum * scale;
        }
        __syncthreads();
        float most = -INFINITY, whole = 0.0f;
        for (int key = 0; key < p.vectors; ++key)
            most = larger(most, likeness[key]);
        for (int key = 0; key < p.vectors; ++key)
            whole += expf(likeness[key] - most);
        for (int k = threadIdx.x; k < part; k += blockDim.x) {
            float sum = 0.0f;
            for (int key = 0; key < p.vectors; ++key)
                sum = fmaf(expf(likeness[key] - most) / whole, read_one<T>(p.x[2], first + key, head + k), sum);
            write_one<T>(p.y, first + query, head + k, sum);
        }
        __syncthreads();
        if (head == 0)
            for (int k = p.channels + threadIdx.x; k < p.padded; k += blockDim.x)
                write_one<T>(p.y, first + query, k, 0.0f);
    }
}

#define REDUCE(name, T)                                                                                                \
    KERNEL(over_map_##name, ReduceParams, 256) { over_map<T>(p); }                                                     \
    KERNEL(tanh_##name, ReduceParams, 256) { tanh_of<T>(p); }                                                          \
    KERNEL(product_##name, ReduceParams, 256) { product<T>(p); }                                                       \
    KERNEL(softmax_channels_##name, ReduceParams, 256) { softmax_channels<T>(p); }                                     \
    KERNEL(softmax_item_##name, ReduceParams, 256) { softmax_item<T>(p); }                                             \
    KERNEL(weighted_sum_##name, ReduceParams, 256) { weighted_sum<T>(p); }                                             \
    KERNEL(over_item_##name, ReduceParams, 256) { over_item<T>(p); }                                                   \
    KERNEL(attention_##name, ReduceParams, 128) { attention<T>(p); }
REDUCE(f32, float)
REDUCE(bf16, bf16)
REDUCE(f16, f16)
