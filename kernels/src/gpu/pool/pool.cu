// The largest value, or the mean, under a window that slides over a map.
//
// The reference is `Work::Pool` on a processor (cpu/pool.rs). A thread makes four channels of one pixel. What is outside
// the map counts as minus infinity; the window of a mean does not leave it. What is no number stays none.
//
// Bytes from memory: input once, if the cache holds the window's rows; output once.
//
// History
//   1  four channels a thread. Not timed on a card yet.
#include "../ends.cuh"
#include "../window.cuh"

struct PoolParams {
    Operand x;
    Ends ends;
    int images, rows, columns, channels; // of the input; channels rounded up
    int window, stride, top, left;
    int out_rows, out_columns;
    int mean, unused;
};
static_assert(sizeof(PoolParams) == 16 + 80 + 48, "as in pool/mod.rs");

template <typename T> DEVICE void pool(const PoolParams& p) {
    const Quad at(p);
    if (!at.inside)
        return;
    const float nothing = p.mean ? 0.0f : -INFINITY;
    float joined[4] = {nothing, nothing, nothing, nothing};
    for (int y = at.row < 0 ? 0 : at.row; y < at.row + p.window && y < p.rows; ++y)
        for (int x = at.column < 0 ? 0 : at.column; x < at.column + p.window && x < p.columns; ++x) {
            float v[4];
            read<T>(p.x, (at.image * p.rows + y) * p.columns + x, at.channel, v);
            for (int i = 0; i < 4; ++i)
                joined[i] = p.mean ? joined[i] + v[i] : larger(joined[i], v[i]);
        }
    if (p.mean)
        for (int i = 0; i < 4; ++i)
            joined[i] /= static_cast<float>(p.window * p.window);
    finish<T>(p.ends, at.pixel, at.channel, joined);
}

KERNEL(pool_f32, PoolParams, 256) { pool<float>(p); }
KERNEL(pool_bf16, PoolParams, 256) { pool<bf16>(p); }
KERNEL(pool_f16, PoolParams, 256) { pool<f16>(p); }
