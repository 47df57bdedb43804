// Devices, contexts, modules, functions, errors; and the simulator's own controls.
#include "driver.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace simulator;

namespace {

struct Named {
    CUresult code;
    const char *name, *text;
};

#define NAMED(code, text) {code, #code, text}
constexpr Named errors[] = {
    NAMED(CUDA_SUCCESS, "no error"),
    NAMED(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
    NAMED(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
    NAMED(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
    NAMED(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
    NAMED(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
    NAMED(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered"),
    NAMED(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
    NAMED(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
    NAMED(CUDA_ERROR_NOT_READY, "device not ready"),
    NAMED(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
    NAMED(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"),
    NAMED(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out and was terminated"),
    NAMED(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"),
    NAMED(CUDA_ERROR_HARDWARE_STACK_ERROR, "hardware stack error"),
    NAMED(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered"),
    NAMED(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"),
    NAMED(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
    NAMED(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_MERGE, "operation would result in a merge of separate capture sequences"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was not ended in the same stream as it began"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "capturing stream has unjoined work"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream"),
    NAMED(CUDA_ERROR_CAPTURED_EVENT, "operation not permitted on an event last recorded in a capturing stream"),
    NAMED(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "attempt to terminate a thread-local capture sequence from another"),
    NAMED(CUDA_ERROR_UNKNOWN, "unknown error"),
};

const Named* find_error(int code) {
    auto it = std::find_if(std::begin(errors), std::end(errors), [=](const Named& it) { return it.code == code; });
    return it == std::end(errors) ? nullptr : it;
}

// CUdevice_attribute, as an H100 answers; the others are 0.
constexpr int attributes[][2] = {
    {1, max_threads_per_block}, {2, 1024}, {3, 1024}, {4, 64},  // threads of a block, and its sides
    {5, 2147483647}, {6, 65535}, {7, 65535},                    // sides of a grid
    {8, 48 << 10}, {81, 228 << 10}, {97, max_shared_bytes},     // shared memory: of a block, of a multiprocessor, by request
    {10, warp_lanes}, {12, 65536}, {82, 65536},                 // lanes of a warp; registers of a block, of a multiprocessor
    {13, 1980000}, {36, 2619000}, {37, 5120}, {38, 50 << 20},   // clock and memory clock in kHz, bus in bits, L2 in bytes
    {16, 132}, {39, 2048}, {106, 32},                           // multiprocessors; their threads and blocks
    {31, 1}, {40, 3}, {41, 1}, {78, 1}, {115, 1},               // concurrent kernels, copies, one address space, priorities, pools
    {75, 9}, {76, 0},                                           // compute capability
    {111, 1 << 10},                                             // shared memory that the system keeps
};

} // namespace

API cuInit(unsigned) {
    return call([](Driver& all) { check(!all.devices.empty(), CUDA_ERROR_NO_DEVICE); });
}

API cuDriverGetVersion(int* version) {
    *version = 12020;
    return CUDA_SUCCESS;
}

API cuGetErrorName(CUresult code, const char** name) {
    const Named* found = find_error(code);
    *name = found == nullptr ? nullptr : found->name;
    return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

API cuGetErrorString(CUresult code, const char** text) {
    const Named* found = find_error(code);
    *text = found == nullptr ? nullptr : found->text;
    return found == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

API cuDeviceGetCount(int* count) {
    return call([=](Driver& all) { *count = static_cast<int>(all.devices.size()); });
}

API cuDeviceGet(CUdevice* device, int ordinal) {
    return call([=](Driver& all) { *device = all.device(ordinal).ordinal; });
}

API cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) {
    return call([=](Driver& all) { *bytes = all.device(device).capacity_bytes; });
}

API cuDeviceGetName(char* name, int bytes, CUdevice device) {
    return call([=](Driver& all) { std::snprintf(name, bytes, "Simulated device %d", all.device(device).ordinal); });
}

API cuDeviceGetUuid_v2(unsigned char (*uuid)[16], CUdevice device) {
    return call([=](Driver& all) {
        std::memcpy(*uuid, "simulated       ", 16);
        (*uuid)[15] = static_cast<unsigned char>(all.device(device).ordinal);
    });
}

API cuDeviceGetUuid(unsigned char (*uuid)[16], CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

API cuDeviceGetAttribute(int* value, int attribute, CUdevice device) {
    return call([=](Driver& all) {
        all.device(device);
        auto it = std::find_if(std::begin(attributes), std::end(attributes), [=](auto& it) { return it[0] == attribute; });
        *value = it == std::end(attributes) ? 0 : (*it)[1];
    });
}

API cuDevicePrimaryCtxRetain(Handle* context, CUdevice ordinal) {
    return call([=](Driver& all) {
        Device& device = all.device(ordinal);
        check(device.broken_for_ever == CUDA_SUCCESS, device.broken_for_ever);
        device.retained++;
        device.alive = true;
        *context = device.context();
    });
}

API cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
    return call([=](Driver& all) {
        Device& device = all.device(ordinal);
        check(device.retained > 0, CUDA_ERROR_INVALID_CONTEXT);
        if (--device.retained == 0) {
            device.destroy_context();
        }
    });
}

API cuDevicePrimaryCtxReset_v2(CUdevice ordinal) {
    return call([=](Driver& all) { all.device(ordinal).destroy_context(); });
}

API cuCtxSetCurrent(Handle context) {
    return call([=](Driver& all) {
        if (context != 0) {
            check(all.device(static_cast<CUdevice>(context - 1)).alive, CUDA_ERROR_CONTEXT_IS_DESTROYED);
        }
        set_current_context(context);
    });
}

API cuCtxGetCurrent(Handle* context) {
    *context = current_context();
    return CUDA_SUCCESS;
}

API cuCtxGetDevice(CUdevice* device) {
    return call([=](Driver& all) { *device = all.current_even_broken().ordinal; });
}

API cuCtxSetFlags(unsigned) {
    return call([](Driver& all) { all.current(); });
}

API cuCtxSynchronize() {
    return call([](Driver& all) {
        Device& device = all.current();
        all.forbid_in_capture();
        all.drain(device);
        all.current();
    });
}

API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    *least = 0;
    *greatest = -5;
    return CUDA_SUCCESS;
}

// The image is not looked at: the kernels are in this library.
API cuModuleLoadData(Handle* module, const void* image) {
    return call([=](Driver& all) {
        check(image != nullptr, CUDA_ERROR_INVALID_VALUE);
        *module = all.modules.add(std::make_shared<Module>(Module{&all.current(), {}}));
    });
}

API cuModuleLoadDataEx(Handle* module, const void* image, unsigned, int*, void**) {
    return cuModuleLoadData(module, image);
}

API cuModuleLoadFatBinary(Handle* module, const void* image) { return cuModuleLoadData(module, image); }

API cuModuleUnload(Handle module) {
    return call([=](Driver& all) {
        for (const auto& function : all.modules.get(module, all.current())->functions) {
            all.functions.remove(function.second);
        }
        all.modules.remove(module);
    });
}

API cuModuleGetFunction(Handle* function, Handle module, const char* name) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto from = all.modules.get(module, device);
        const Kernel* kernel = find_kernel(name);
        check(kernel != nullptr, CUDA_ERROR_NOT_FOUND);
        Handle& handle = from->functions[kernel];
        if (handle == 0) {
            handle = all.functions.add(std::make_shared<Function>(Function{&device, kernel}));
        }
        *function = handle;
    });
}

// The simulator's own: the next launches of a device but `after` fail, or the next allocation then.
extern "C" __attribute__((visibility("default"))) void simulator_fail(int device, std::uint64_t after, int error,
                                                                     bool permanent) {
    call([=](Driver& all) { all.device(device).faults.push_back({after, CUresult(error), permanent}); });
}

// No fault is to come, and a context that has failed for ever is healed by its next reset.
extern "C" __attribute__((visibility("default"))) void simulator_reset_faults() {
    call([](Driver& all) {
        for (auto& device : all.devices) {
            device->faults.clear();
            device->broken_for_ever = CUDA_SUCCESS;
        }
    });
}

// Launches and launches of graphs that the device has begun.
extern "C" __attribute__((visibility("default"))) std::uint64_t simulator_launches(int device) {
    std::uint64_t launches = 0;
    call([&](Driver& all) { launches = all.device(device).launches; });
    return launches;
}
