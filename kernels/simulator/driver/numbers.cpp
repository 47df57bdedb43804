// Floats to 16 bits: round to nearest, ties to even.
#include "simulated.h"

namespace simulator {

namespace {

constexpr std::uint16_t nan_16 = 0x7FFF;

// `bits` without its `drop` lowest ones: to nearest, ties to even.
std::uint32_t round_off(std::uint32_t bits, unsigned drop) {
    std::uint32_t odd = bits >> drop & 1;
    return (bits + (1u << (drop - 1)) - 1 + odd) >> drop;
}

} // namespace

std::uint16_t narrow_bf16(float x) {
    auto bits = bits_as<std::uint32_t>(x);
    return (bits & magnitude) > infinity ? nan_16 : round_off(bits, 16);
}

std::uint16_t narrow_f16(float x) {
    auto bits = bits_as<std::uint32_t>(x), rest = bits & magnitude;
    std::uint16_t sign = bits >> 16 & 0x8000;
    if (rest > infinity) {
        return nan_16;
    }
    if (rest >= bits_as<std::uint32_t>(65520.0f)) { // halfway between the largest f16 and the next
        return sign | 0x7C00;
    }
    if (rest >= bits_as<std::uint32_t>(0x1p-14f)) {
        return sign | (round_off(rest, 13) - (112 << 10));
    }
    // Subnormal: a multiple of 2^-24. That is the last place of a float from 0.5 to 1, so the sum rounds.
    float sum = bits_as<float>(rest) + 0.5f;
    return sign | (bits_as<std::uint32_t>(sum) - bits_as<std::uint32_t>(0.5f));
}

} // namespace simulator
