// What every step of a network ends with, and how values are read and written.
//
// Values lie channels last, a pixel's channels in whole blocks of 16, the rest of the last block being finite. A value is
// narrow (T: float, bf16 or f16, by the network's precision) or wide (float: vectors, and what is handed out).
#pragma once

#include "device.cuh"

// A value: channel k of pixel n, counted through all images, lies at start[n * pixel + k]. Or none: start is null.
struct Operand {
    void* start;
    int pixel;
    int wide;
};

enum Activation : int { NONE, RELU, GELU, SILU, SIGMOID };

// v = activation(v + bias + residual) is the first value; the second is second_activation(v * scale + shift).
struct Ends {
    const float* bias;
    const float* scale;
    const float* shift;
    Operand residual;
    Operand first;
    Operand second;
    int activation;
    int second_activation;
};
static_assert(sizeof(Operand) == 16 && sizeof(Ends) == 80, "as in ends.rs");

// N consecutive values, aligned as 4 of them.
template <typename T, int N> DEVICE void read(const T* from, float (&v)[N]) {
    static_assert(N % 4 == 0, "whole vectors");
    if constexpr (sizeof(T) == 4) {
        for (int i = 0; i < N; i += 4) {
            const float4 four = *reinterpret_cast<const float4*>(from + i);
            v[i] = four.x, v[i + 1] = four.y, v[i + 2] = four.z, v[i + 3] = four.w;
        }
    } else {
        for (int i = 0; i < N; i += 4) {
            const uint2 four = *reinterpret_cast<const uint2*>(from + i);
            v[i] = to_float(T{static_cast<unsigned short>(four.x)});
            v[i + 1] = to_float(T{static_cast<unsigned short>(four.x >> 16)});
            v[i + 2] = to_float(T{static_cast<unsigned short>(four.y)});
            v[i + 3] = to_float(T{static_cast<unsigned short>(four.y >> 16)});
        }
    }
}

template <typename T> DEVICE unsigned pair(float low, float high) {
    return static_cast<unsigned>(from_float<T>(low).bits) | static_cast<unsigned>(from_float<T>(high).bits) << 16;
}

template <typename T, int N> DEVICE void write(T* to, const float (&v)[N]) {
    static_assert(N % 4 == 0, "whole vectors");
    if constexpr (sizeof(T) == 4) {
        for (int i = 0; i < N; i += 4)
            *reinterpret_cast<float4*>(to + i) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
    } else if constexpr (N % 8 == 0) {
        for (int i = 0; i < N; i += 8)
            *reinterpret_cast<uint4*>(to + i) = make_uint4(pair<T>(v[i], v[i + 1]), pair<T>(v[i + 2], v[i + 3]),
                                                           pair<T>(v[i + 4], v[i + 5]), pair<T>(v[i + 6], v[i + 7]));
    } else {
        for (int i = 0; i < N; i += 4)
            *reinterpret_cast<uint2*>(to + i) = make_uint2(pair<T>(v[i], v[i + 1]), pair<T>(v[i + 2], v[i + 3]));
    }
}

template <typename T, int N> DEVICE void read(const Operand& from, size_t pixel, int channel, float (&v)[N]) {
    const size_t at = pixel * from.pixel + channel;
    if (from.wide)
        read<float, N>(static_cast<const float*>(from.start) + at, v);
    else
        read<T, N>(static_cast<const T*>(from.start) + at, v);
}

template <typename T, int N> DEVICE void write(const Operand& to, size_t pixel, int channel, const float (&v)[N]) {
    const size_t at = pixel * to.pixel + channel;
    if (to.wide)
        write<float, N>(static_cast<float*>(to.start) + at, v);
    else
        write<T, N>(static_cast<T*>(to.start) + at, v);
}

template <typename T> DEVICE float read_one(const Operand& from, size_t pixel, int channel) {
    const size_t at = pixel * from.pixel + channel;
    return from.wide ? static_cast<const float*>(from.start)[at] : to_float(static_cast<const T*>(from.start)[at]);
}

template <typename T> DEVICE void write_one(const Operand& to, size_t pixel, int channel, float v) {
    const size_t at = pixel * to.pixel + channel;
    if (to.wide)
        static_cast<float*>(to.start)[at] = v;
    else
        static_cast<T*>(to.start)[at] = from_float<T>(v);
}

// What is no number stays none.
DEVICE float activated(int activation, float x) {
    switch (activation) {
    case RELU:
        return x < 0.0f ? 0.0f : x;
    case GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    case SILU:
        return x / (1.0f + expf(-x));
    case SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    default:
        return x;
    }
}

// The larger; what is no number stays none.
DEVICE float larger(float a, float b) { return a > b || a != a ? a : b; }

// Ends N consecutive channels of a pixel.
template <typename T, int N> DEVICE void finish(const Ends& ends, size_t pixel, int channel, float (&v)[N]) {
    float other[N];
    read<float, N>(ends.bias + channel, other);
    for (int i = 0; i < N; ++i)
        v[i] += other[i];
    if (ends.residual.start) {
        read<T, N>(ends.residual, pixel, channel, other);
        for (int i = 0; i < N; ++i)
            v[i] += other[i];
    }
    if (ends.activation != NONE)
        for (int i = 0; i < N; ++i)
            v[i] = activated(ends.activation, v[i]);
    if (ends.first.start)
        write<T, N>(ends.first, pixel, channel, v);
    if (ends.second.start) {
        float shift[N];
        read<float, N>(ends.scale + channel, other);
        read<float, N>(ends.shift + channel, shift);
        for (int i = 0; i < N; ++i)
            other[i] = activated(ends.second_activation, fmaf(v[i], other[i], shift[i]));
        write<T, N>(ends.second, pixel, channel, other);
    }
}
