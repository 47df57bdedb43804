// Square patches of a plane, one after the other: what GMIC's local network sees.
//
// Reference: copies; `Gather` in gather.rs.
//
// Versions:
// 1. Four neighbours a thread: a patch begins at any column, so four reads, and one write of 16 bytes.
//
// Bytes: 8 a pixel; six patches of 256 x 256 are 3 MB, of a plane that the L2 cache may still hold.
#include "prepare.cuh"

namespace prepare {

struct GatherParams {
    const float* from;
    float* to;
    int columns;
    int size;
    int count;
    int unused;
    int2 places[64];
};
static_assert(sizeof(GatherParams) == 544, "as in the host's source");

}  // namespace prepare

KERNEL(prepare_gather, prepare::GatherParams, 256) {
    using namespace prepare;
    const int fours = (p.size + 3) / 4;
    const size_t at = blockIdx.x * size_t{THREADS} + threadIdx.x;
    const size_t line = at / fours;
    const int column = static_cast<int>(at % fours) * 4;
    const int patch = static_cast<int>(line / p.size), row = static_cast<int>(line % p.size);
    if (patch >= p.count) return;
    const int2 place = p.places[patch];
    const float* from = p.from + static_cast<size_t>(place.x + row) * p.columns + place.y + column;
    const int there = min(4, p.size - column);
    float v[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < there; k++) v[k] = from[k];
    store_four(p.to + line * p.size + column, p.size % 4 == 0, there, v[0], v[1], v[2], v[3]);
}
