// Allocations, copies and fills.
//
// Between a device and pinned memory a copy waits in its stream; with other memory of the host it is done when the
// function returns, so it cannot be captured.
#include "driver.h"

#include <cstring>

using namespace simulator;

namespace {

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

void check_range(CUdeviceptr address, std::size_t bytes) {
    check(bytes == 0 || driver().memory.holding(pointer(address), bytes) != nullptr, CUDA_ERROR_INVALID_VALUE);
}

CUdeviceptr allocate(Driver& all, Device& device, std::size_t bytes) {
    check(!device.refuses_memory(), CUDA_ERROR_OUT_OF_MEMORY);
    if (rounded(bytes) > device.capacity_bytes - device.used_bytes) {
        all.drain(device); // what a stream is to free
        all.current();
    }
    check(bytes <= device.capacity_bytes && rounded(bytes) <= device.capacity_bytes - device.used_bytes,
          CUDA_ERROR_OUT_OF_MEMORY);
    unsigned char* begin = all.memory.allocate(bytes, device.ordinal);
    check(begin != nullptr, CUDA_ERROR_OUT_OF_MEMORY);
    device.used_bytes += rounded(bytes);
    return reinterpret_cast<CUdeviceptr>(begin);
}

void free_memory(Driver& all, const void* begin) {
    const Allocation* allocation = all.memory.at(begin);
    check(allocation != nullptr, CUDA_ERROR_INVALID_VALUE);
    all.devices[allocation->device]->used_bytes -= rounded(allocation->bytes);
    all.memory.free(begin);
}

// What lies on devices is checked when the copy is queued, and again when it runs: what has been freed by then is an
// illegal address.
struct Ends {
    CUdeviceptr to, from;
    bool to_device, from_device;
    std::size_t bytes;

    bool lie_in_memory() const {
        const Memory& memory = driver().memory;
        return (!to_device || memory.holding(pointer(to), bytes) != nullptr) &&
               (!from_device || memory.holding(pointer(from), bytes) != nullptr);
    }
};

void submit_copy(Driver& all, const std::shared_ptr<Stream>& stream, const Ends& ends, bool synchronous) {
    if (ends.bytes == 0) {
        return;
    }
    check(ends.lie_in_memory(), CUDA_ERROR_INVALID_VALUE);
    auto pageable = [&](bool on_device, CUdeviceptr address) {
        return !on_device && all.pinned.holding(pointer(address), ends.bytes) == nullptr;
    };
    synchronous |= pageable(ends.to_device, ends.to) || pageable(ends.from_device, ends.from);
    if (synchronous && stream->capture != nullptr) {
        stream->capture->invalidated = true;
        throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED};
    }
    submit(stream, [ends] {
        check(ends.lie_in_memory(), CUDA_ERROR_ILLEGAL_ADDRESS);
        std::memmove(pointer(ends.to), pointer(ends.from), ends.bytes);
    });
    if (synchronous) {
        stream->queue->advance(stream->queue->queued());
        all.current();
    }
}

CUresult copy(const Ends& ends, Handle stream, bool synchronous) {
    return call([&](Driver& all) {
        Device& device = all.current();
        if (synchronous) {
            all.forbid_in_capture();
        }
        submit_copy(all, all.stream(stream, device), ends, synchronous);
    });
}

CUresult fill(CUdeviceptr to, unsigned char value, std::size_t bytes, Handle handle, bool synchronous) {
    return call([&](Driver& all) {
        Device& device = all.current();
        if (synchronous) {
            all.forbid_in_capture();
        }
        check_range(to, bytes);
        auto stream = all.stream(handle, device);
        submit(stream, [=] {
            check(driver().memory.holding(pointer(to), bytes) != nullptr, CUDA_ERROR_ILLEGAL_ADDRESS);
            std::memset(pointer(to), value, bytes);
        });
        if (synchronous) {
            stream->queue->advance(stream->queue->queued());
            all.current();
        }
    });
}

} // namespace

API cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
    return call([=](Driver& all) {
        Device& device = all.current();
        *free = device.capacity_bytes - device.used_bytes;
        *total = device.capacity_bytes;
    });
}

API cuMemAlloc_v2(CUdeviceptr* address, std::size_t bytes) {
    return call([=](Driver& all) {
        Device& device = all.current();
        all.forbid_in_capture();
        check(bytes > 0, CUDA_ERROR_INVALID_VALUE);
        *address = allocate(all, device, bytes);
    });
}

// The memory is there at once; it is given back in the stream's order.
API cuMemAllocAsync(CUdeviceptr* address, std::size_t bytes, Handle handle) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        check(stream->capture == nullptr, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        *address = bytes == 0 ? 0 : allocate(all, device, bytes);
    });
}

API cuMemFree_v2(CUdeviceptr address) {
    return call([=](Driver& all) {
        Device& device = all.current();
        all.forbid_in_capture();
        if (address != 0) {
            all.drain(device);
            free_memory(all, pointer(address));
        }
    });
}

API cuMemFreeAsync(CUdeviceptr address, Handle handle) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        check(stream->capture == nullptr, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        check(address == 0 || all.memory.at(pointer(address)) != nullptr, CUDA_ERROR_INVALID_VALUE);
        if (address != 0) {
            submit(stream, [=] { free_memory(driver(), pointer(address)); });
        }
    });
}

API cuMemHostAlloc(void** host, std::size_t bytes, unsigned) {
    return call([=](Driver& all) {
        Device& device = all.current();
        all.forbid_in_capture();
        check(bytes > 0, CUDA_ERROR_INVALID_VALUE);
        *host = all.pinned.allocate(bytes, device.ordinal);
        check(*host != nullptr, CUDA_ERROR_OUT_OF_MEMORY);
    });
}

API cuMemFreeHost(void* host) {
    return call([=](Driver& all) {
        all.current();
        all.forbid_in_capture();
        check(all.pinned.at(host) != nullptr, CUDA_ERROR_INVALID_VALUE);
        for (const auto& device : all.devices) {
            all.drain(*device);
        }
        all.pinned.free(host);
    });
}

API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes, Handle stream) {
    return copy({to, reinterpret_cast<CUdeviceptr>(from), true, false, bytes}, stream, false);
}

API cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes, Handle stream) {
    return copy({reinterpret_cast<CUdeviceptr>(to), from, false, true, bytes}, stream, false);
}

API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, Handle stream) {
    return copy({to, from, true, true, bytes}, stream, false);
}

API cuMemcpyPeerAsync(CUdeviceptr to, Handle, CUdeviceptr from, Handle, std::size_t bytes, Handle stream) {
    return copy({to, from, true, true, bytes}, stream, false);
}

API cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) {
    return copy({to, reinterpret_cast<CUdeviceptr>(from), true, false, bytes}, CU_STREAM_LEGACY, true);
}

API cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) {
    return copy({reinterpret_cast<CUdeviceptr>(to), from, false, true, bytes}, CU_STREAM_LEGACY, true);
}

API cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
    return copy({to, from, true, true, bytes}, CU_STREAM_LEGACY, true);
}

API cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t bytes, Handle stream) {
    return fill(to, value, bytes, stream, false);
}

API cuMemsetD8_v2(CUdeviceptr to, unsigned char value, std::size_t bytes) {
    return fill(to, value, bytes, CU_STREAM_LEGACY, true);
}
