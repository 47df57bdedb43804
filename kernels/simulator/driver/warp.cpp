// What the lanes of a warp do together, and the copies that each begins by itself.
#include "block.h"

#include <cstring>

namespace simulator {

namespace {

void together(unsigned mask, Act act, void* operand) {
    Task& task = this_task();
    task.runner->collective(task, mask, act, operand);
}

void check_shared(const void* address, unsigned bytes, const char* otherwise) {
    if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0 || !this_task().runner->holds_shared(address, bytes)) {
        stop(otherwise);
    }
}

struct Shuffle {
    unsigned value, source, result;
};

void act_shuffle(void* const (&operands)[warp_lanes], unsigned mask) {
    for (unsigned lanes = mask; lanes != 0; lanes &= lanes - 1) {
        auto& to = *static_cast<Shuffle*>(operands[__builtin_ctz(lanes)]);
        if ((mask >> to.source & 1) == 0) {
            stop("a lane takes the value of one that is not in the mask");
        }
        to.result = static_cast<Shuffle*>(operands[to.source])->value;
    }
}

void act_any(void* const (&operands)[warp_lanes], unsigned mask) {
    bool result = false;
    for (unsigned lanes = mask; lanes != 0; lanes &= lanes - 1) {
        result |= *static_cast<bool*>(operands[__builtin_ctz(lanes)]);
    }
    for (unsigned lanes = mask; lanes != 0; lanes &= lanes - 1) {
        *static_cast<bool*>(operands[__builtin_ctz(lanes)]) = result;
    }
}

// PTX ISA, "Warp-level matrix load instruction: ldmatrix".
struct Rows {
    const unsigned char* row;
    unsigned* r;
};

template <int matrices> void act_ldmatrix(void* const (&operands)[warp_lanes], unsigned) {
    for (unsigned lane = 0; lane < warp_lanes; lane++) {
        for (int matrix = 0; matrix < matrices; matrix++) {
            auto from = static_cast<Rows*>(operands[8 * matrix + lane / 4])->row + lane % 4 * 4;
            std::memcpy(&static_cast<Rows*>(operands[lane])->r[matrix], from, 4);
        }
    }
}

// PTX ISA, "Matrix fragments for mma.m16n8k16 with floating point type".
struct Fragments {
    float* d;
    const unsigned *a, *b;
};

using Widen = float (*)(std::uint16_t);

// Eight floats that are added and multiplied at once.
typedef float Row __attribute__((vector_size(32)));

template <Widen widen> void act_mma(void* const (&operands)[warp_lanes], unsigned) {
    float a[16][16];
    Row b[16], d[16];
    for (unsigned lane = 0; lane < warp_lanes; lane++) {
        auto& own = *static_cast<Fragments*>(operands[lane]);
        unsigned group = lane / 4, pair = lane % 4 * 2;
        for (unsigned half = 0; half < 2; half++) {
            for (unsigned i = 0; i < 4; i++) {
                a[group + i % 2 * 8][pair + i / 2 * 8 + half] = widen(own.a[i] >> 16 * half);
            }
            for (unsigned i = 0; i < 2; i++) {
                b[pair + i * 8 + half][group] = widen(own.b[i] >> 16 * half);
                d[group + i * 8][pair + half] = own.d[2 * i + half];
            }
        }
    }
    for (unsigned m = 0; m < 16; m++) {
        Row sum = d[m];
        for (unsigned k = 0; k < 16; k++) {
            sum += a[m][k] * b[k];
        }
        d[m] = sum;
    }
    for (unsigned lane = 0; lane < warp_lanes; lane++) {
        auto& own = *static_cast<Fragments*>(operands[lane]);
        for (unsigned i = 0; i < 4; i++) {
            own.d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
        }
    }
}

} // namespace

unsigned shuffle(unsigned mask, unsigned value, unsigned source_lane) {
    Shuffle operand{value, source_lane, 0};
    together(mask, act_shuffle, &operand);
    return operand.result;
}

bool any(unsigned mask, bool value) {
    together(mask, act_any, &value);
    return value;
}

void ldmatrix(unsigned* r, int matrices, const void* shared_row) {
    Rows operand{static_cast<const unsigned char*>(shared_row), r};
    if (this_task().lane < 8u * matrices) {
        check_shared(shared_row, 16, "ldmatrix from what is not 16 bytes of shared memory, aligned");
    }
    together(~0u, matrices == 4 ? act_ldmatrix<4> : act_ldmatrix<2>, &operand);
}

void mma_bf16(float* d, const unsigned* a, const unsigned* b) {
    Fragments operand{d, a, b};
    together(~0u, act_mma<widen_bf16>, &operand);
}

void mma_f16(float* d, const unsigned* a, const unsigned* b) {
    Fragments operand{d, a, b};
    together(~0u, act_mma<widen_f16>, &operand);
}

void copy_async(void* shared, const void* global, unsigned bytes, bool valid) {
    Task& task = this_task();
    check_shared(shared, bytes, "cp.async to what is not shared memory, aligned to the bytes copied");
    if (task.runner->holds_shared(global, 1) || reinterpret_cast<std::uintptr_t>(global) % bytes != 0) {
        stop("cp.async from what is not global memory, aligned to the bytes copied");
    }
    task.copies.push_back({shared, global, bytes, valid, task.groups});
}

void commit_copies() { this_task().groups++; }

// Nothing arrives before it is waited for: a card may be as slow.
void wait_for_copies(int groups_under_way) {
    Task& task = this_task();
    std::size_t done = 0;
    for (; done < task.copies.size(); done++) {
        const Copy& copy = task.copies[done];
        if (copy.group + groups_under_way >= task.groups) {
            break;
        }
        if (copy.valid) {
            std::memcpy(copy.shared, copy.global, copy.bytes);
        } else {
            std::memset(copy.shared, 0, copy.bytes);
        }
    }
    task.copies.erase(task.copies.begin(), task.copies.begin() + done);
}

} // namespace simulator
