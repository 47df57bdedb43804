// nvJPEG2000 for tests: the functions of its header that Uvid uses, over a decoder that the test gives.
//
// It reads SIZ (ISO 15444-1 A.5.1) for the sizes, lets the test's function decode, and copies the samples to the device
// in the stream's order. Without such a function no stream is supported.
#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, std::size_t bytes, void* stream);

#define API extern "C" __attribute__((visibility("default")))

namespace {

enum Status { SUCCESS = 0, INVALID_PARAMETER = 2, BAD_JPEG = 3, NOT_SUPPORTED = 4, EXECUTION_FAILED = 6 };
constexpr int UINT16 = 1;

// Gives rows times columns samples, and 0; or another status. HALF is success, with half of the rows written.
constexpr int HALF = 1000;
using Decoder = int (*)(const unsigned char* stream, std::size_t length, std::uint16_t* samples, std::size_t count);
Decoder decoder = nullptr;
int alive = 0;

struct Library {};

struct State {
    std::vector<std::uint16_t> samples;
};

struct Parsed {
    const unsigned char* data = nullptr;
    std::size_t length = 0;

    std::uint32_t word(std::size_t at) const {
        return std::uint32_t{data[at]} << 24 | std::uint32_t{data[at + 1]} << 16 | std::uint32_t{data[at + 2]} << 8 | data[at + 3];
    }
    std::uint32_t width() const { return word(8) - word(16); }
    std::uint32_t height() const { return word(12) - word(20); }
    std::uint32_t components() const { return std::uint32_t{data[40]} << 8 | data[41]; }
};

struct ImageInfo {
    std::uint32_t width, height, tile_width, tile_height, tiles_x, tiles_y, components;
};

struct ComponentInfo {
    std::uint32_t width, height;
    std::uint8_t precision, sgn;
};

struct Image {
    void** pixel_data;
    std::size_t* pitch_in_bytes;
    int pixel_type;
    std::uint32_t components;
};

template <typename T>
int create(T** handle) {
    *handle = new T();
    ++alive;
    return SUCCESS;
}

template <typename T>
int destroy(T* handle) {
    delete handle;
    --alive;
    return SUCCESS;
}

}  // namespace

// What decodes from now on; null: nothing does.
API void simulator_nvjpeg2k_decoder(Decoder with) { decoder = with; }
// How many handles of any kind there are.
API int simulator_nvjpeg2k_alive() { return alive; }

API int nvjpeg2kGetProperty(int type, int* value) {
    *value = type == 1 ? 11 : 0;
    return SUCCESS;
}
API int nvjpeg2kCreateSimple(Library** handle) { return create(handle); }
API int nvjpeg2kDestroy(Library* handle) { return destroy(handle); }
API int nvjpeg2kDecodeStateCreate(Library* library, State** handle) { return library ? create(handle) : INVALID_PARAMETER; }
API int nvjpeg2kDecodeStateDestroy(State* handle) { return destroy(handle); }
API int nvjpeg2kStreamCreate(Parsed** handle) { return create(handle); }
API int nvjpeg2kStreamDestroy(Parsed* handle) { return destroy(handle); }

API int nvjpeg2kStreamParse(Library*, const unsigned char* data, std::size_t length, int, int, Parsed* parsed) {
    if (decoder == nullptr) return NOT_SUPPORTED;
    *parsed = Parsed{data, length};
    const bool begins = length >= 45 && parsed->word(0) == 0xFF4FFF51;
    return begins ? SUCCESS : BAD_JPEG;
}

API int nvjpeg2kStreamGetImageInfo(Parsed* parsed, ImageInfo* info) {
    *info = ImageInfo{parsed->width(), parsed->height(), parsed->width(), parsed->height(), 1, 1, parsed->components()};
    return SUCCESS;
}

API int nvjpeg2kStreamGetImageComponentInfo(Parsed* parsed, ComponentInfo* info, std::uint32_t component) {
    const unsigned char depth = parsed->data[42 + 3 * component];
    *info = ComponentInfo{parsed->width(), parsed->height(), static_cast<std::uint8_t>((depth & 0x7F) + 1),
                          static_cast<std::uint8_t>(depth >> 7)};
    return SUCCESS;
}

API int nvjpeg2kDecode(Library*, State* state, Parsed* parsed, Image* image, void* stream) {
    if (image->pixel_type != UINT16 || image->components != 1) return INVALID_PARAMETER;
    const std::size_t width = parsed->width(), height = parsed->height(), pitch = image->pitch_in_bytes[0];
    if (pitch < 2 * width) return INVALID_PARAMETER;
    state->samples.assign(width * height, 0);
    const int status = decoder(parsed->data, parsed->length, state->samples.data(), state->samples.size());
    if (status != SUCCESS && status != HALF) return status;
    const std::size_t rows = status == HALF ? height / 2 : height;
    const auto to = reinterpret_cast<unsigned long long>(image->pixel_data[0]);
    for (std::size_t row = 0; row < rows; ++row) {
        const int copied = cuMemcpyHtoDAsync_v2(to + row * pitch, &state->samples[row * width], 2 * width, stream);
        if (copied != 0) return EXECUTION_FAILED;
    }
    return SUCCESS;
}
