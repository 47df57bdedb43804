// Where a thread's window lies, for kernels that slide one over a map: four channels of one output pixel a thread,
// neighbours taking the next channels, then the next pixels. P has channels, images, out_rows, out_columns, stride, top and
// left.
#pragma once

#include "device.cuh"

struct Quad {
    size_t pixel, image; // of the output, counted through all images
    int channel;         // the first of four
    int row, column;     // of the input, where the window begins; outside where it begins in the padding
    bool inside;         // whether there is such a pixel

    template <typename P> DEVICE explicit Quad(const P& p) {
        const int quads = p.channels / 4;
        const size_t at = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
        pixel = at / quads;
        image = pixel / p.out_columns / p.out_rows;
        channel = at % quads * 4;
        column = pixel % p.out_columns * p.stride - p.left;
        row = pixel / p.out_columns % p.out_rows * p.stride - p.top;
        inside = image < static_cast<size_t>(p.images);
    }
};
