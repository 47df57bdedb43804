// What the driver keeps, and the rules that its functions share.
//
// Every function of the API holds the one lock from its begin to its end; kernels run within. Faults, refusals and
// misuse leave by `Failure`, which `call` makes the function's result.
//
// Invariant: a handle is of one kind and one device, and dies with the device's context.
#pragma once

#include "block.h"
#include "cuda.h"
#include "memory.h"
#include "work.h"

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace simulator {

struct Failure {
    CUresult code;
};

inline void check(bool holds, CUresult otherwise) {
    if (!holds) {
        throw Failure{otherwise};
    }
}

// An error that comes once the device has been given `after` more launches.
struct Fault {
    std::uint64_t after;
    CUresult error;
    bool permanent;
};

struct Device;

struct Capture {
    Graph graph;
    Device* device;
    CUstreamCaptureMode mode;
    std::thread::id thread;
    bool invalidated = false, ended = false;
};

struct Stream {
    Device* device;
    // Ordered with the legacy stream.
    bool blocking;
    std::shared_ptr<Queue> queue = std::make_shared<Queue>();
    std::shared_ptr<Capture> capture;
    std::size_t branch = 0;
};

struct Event {
    Device* device;
    bool timed;
    // What was recorded last: so much of this queue, or so much of a capture's branch.
    std::shared_ptr<Queue> queue;
    std::shared_ptr<Capture> capture;
    std::size_t branch = 0;
    std::uint64_t count = 0;
    std::shared_ptr<double> time_ms;
};

struct Module {
    Device* device;
    // What has been asked for.
    std::map<const Kernel*, Handle> functions;
};

struct Function {
    Device* device;
    const Kernel* kernel;
    unsigned max_dynamic_shared_bytes = 48 << 10;
};

struct CapturedGraph {
    Device* device;
    std::shared_ptr<const Graph> graph;
};

// Never the same twice, nor one of those that need not be created.
Handle new_handle();

// Objects by handle. `device` of each is the device whose context it belongs to.
template <typename T> class Table {
  public:
    Handle add(std::shared_ptr<T> object) {
        Handle handle = new_handle();
        objects[handle] = std::move(object);
        return handle;
    }
    // Of any device.
    std::shared_ptr<T> find(Handle handle) const {
        auto it = objects.find(handle);
        check(it != objects.end(), CUDA_ERROR_INVALID_HANDLE);
        return it->second;
    }
    std::shared_ptr<T> get(Handle handle, const Device& of) const {
        auto found = find(handle);
        check(found->device == &of, CUDA_ERROR_INVALID_HANDLE);
        return found;
    }
    void remove(Handle handle) { objects.erase(handle); }
    void remove_all(const Device& of) {
        for (auto it = objects.begin(); it != objects.end();) {
            it = it->second->device == &of ? objects.erase(it) : std::next(it);
        }
    }
    template <typename F> void each(const Device& of, F use) {
        for (auto& entry : objects) {
            if (entry.second->device == &of) {
                use(entry.second);
            }
        }
    }

  private:
    std::map<Handle, std::shared_ptr<T>> objects;
};

struct Device {
    int ordinal;
    std::size_t capacity_bytes, used_bytes = 0;
    // The primary context is there from when somebody retains it until the last releases it, or it is reset. A reset
    // releases nothing (cuDevicePrimaryCtxReset).
    unsigned retained = 0;
    bool alive = false;
    // What every call returns, once it is not CUDA_SUCCESS.
    CUresult broken = CUDA_SUCCESS;
    CUresult broken_for_ever = CUDA_SUCCESS;
    std::vector<Fault> faults;
    std::uint64_t launches = 0;
    std::shared_ptr<Stream> legacy;
    std::map<std::thread::id, std::shared_ptr<Stream>> per_thread;

    Handle context() const { return static_cast<Handle>(ordinal) + 1; }
    // Counts a launch and lets the faults come that are due. Whether the launch takes place.
    bool launched();
    // A fault due at the next allocation.
    bool refuses_memory();
    void destroy_context();
};

struct Driver {
    std::mutex lock;
    std::vector<std::unique_ptr<Device>> devices;
    Memory memory, pinned;
    Table<Stream> streams;
    Table<Event> events;
    Table<Module> modules;
    Table<Function> functions;
    Table<CapturedGraph> graphs, executables;
    std::vector<std::weak_ptr<Capture>> captures;

    Driver();
    // The device of the calling thread's context; fails as that does.
    Device& current();
    // The same where a broken context is no obstacle.
    Device& current_even_broken();
    Device& device(CUdevice ordinal);
    std::shared_ptr<Stream> stream(Handle handle, Device& device);
    // All of the device's but the legacy one.
    template <typename F> void each_stream(Device& device, F use) {
        streams.each(device, use);
        for (auto& entry : device.per_thread) {
            use(entry.second);
        }
    }
    // Runs all that the device has been given.
    void drain(Device& device);
    // For what CUDA forbids while a stream is being captured: fails, and spoils the capture.
    void forbid_in_capture();
};

Driver& driver();

// The calling thread's context; 0 is none.
Handle current_context();
void set_current_context(Handle context);

// Queues a job on a stream, or adds it to what is being captured there. It runs unless the device has failed by then.
void submit(const std::shared_ptr<Stream>& stream, std::function<void()> job);

// Runs all blocks of a launch.
void run(const Launch& launch);
const Kernel* find_kernel(const char* name);
std::size_t environment(const char* name, std::size_t otherwise);

template <typename F> CUresult call(F act) {
    std::lock_guard<std::mutex> hold(driver().lock);
    try {
        act(driver());
        return CUDA_SUCCESS;
    } catch (const Failure& failure) {
        return failure.code;
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
}

} // namespace simulator
