#include "driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>

namespace simulator {

namespace {

// Not `thread_local`: what is, is taken for static shared memory.
pthread_key_t context_key() {
    static const pthread_key_t key = [] {
        pthread_key_t made;
        pthread_key_create(&made, nullptr);
        return made;
    }();
    return key;
}

// "device=1,after=20,error=700,permanent;device=0,..."
void read_faults(const char* text, std::vector<std::unique_ptr<Device>>& devices) {
    std::string all = text == nullptr ? "" : text;
    for (std::size_t begin = 0; begin < all.size();) {
        std::size_t end = std::min(all.find(';', begin), all.size());
        std::string one = all.substr(begin, end - begin);
        auto number = [&](const std::string& name) {
            std::size_t at = one.find(name + "=");
            return at == std::string::npos ? 0ull : std::strtoull(one.c_str() + at + name.size() + 1, nullptr, 10);
        };
        if (std::size_t device = number("device"); !one.empty() && device < devices.size()) {
            bool permanent = one.find("permanent") != std::string::npos;
            devices[device]->faults.push_back({number("after"), CUresult(number("error")), permanent});
        }
        begin = end + 1;
    }
}

} // namespace

std::size_t environment(const char* name, std::size_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr || *text == 0 ? otherwise : std::strtoull(text, nullptr, 0);
}

Driver& driver() {
    static Driver* const one = new Driver; // never destroyed: other threads may still use it at exit
    return *one;
}

Handle new_handle() {
    static Handle last = 0x1000;
    return last += 16;
}

Handle current_context() { return reinterpret_cast<Handle>(pthread_getspecific(context_key())); }

void set_current_context(Handle context) { pthread_setspecific(context_key(), reinterpret_cast<void*>(context)); }

Driver::Driver() {
    std::size_t count = environment("CUDA_SIMULATOR_DEVICES", 1);
    std::size_t bytes = environment("CUDA_SIMULATOR_MEMORY", std::size_t{2} << 30);
    for (std::size_t i = 0; i < count; i++) {
        devices.push_back(std::make_unique<Device>());
        devices[i]->ordinal = static_cast<int>(i);
        devices[i]->capacity_bytes = bytes;
    }
    read_faults(std::getenv("CUDA_SIMULATOR_FAULT"), devices);
}

Device& Driver::device(CUdevice ordinal) {
    check(ordinal >= 0 && ordinal < static_cast<int>(devices.size()), CUDA_ERROR_INVALID_DEVICE);
    return *devices[ordinal];
}

Device& Driver::current_even_broken() {
    Handle context = current_context();
    check(context != 0, CUDA_ERROR_INVALID_CONTEXT);
    Device& found = device(static_cast<CUdevice>(context - 1));
    check(found.alive, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    return found;
}

Device& Driver::current() {
    Device& found = current_even_broken();
    check(found.broken == CUDA_SUCCESS, found.broken);
    return found;
}

std::shared_ptr<Stream> Driver::stream(Handle handle, Device& device) {
    bool own = handle == CU_STREAM_PER_THREAD;
    if (!own && handle != CU_STREAM_DEFAULT && handle != CU_STREAM_LEGACY) {
        return streams.get(handle, device);
    }
    auto& found = own ? device.per_thread[std::this_thread::get_id()] : device.legacy;
    if (found == nullptr) {
        found = std::make_shared<Stream>();
        found->device = &device;
        found->blocking = own;
    }
    return found;
}

void Driver::drain(Device& device) {
    auto finish = [](const std::shared_ptr<Stream>& stream) { stream->queue->advance(stream->queue->queued()); };
    each_stream(device, finish);
    if (device.legacy != nullptr) {
        finish(device.legacy);
    }
}

// "Stream capture": CUDA driver API, cuThreadExchangeStreamCaptureMode.
void Driver::forbid_in_capture() {
    bool forbidden = false;
    for (auto it = captures.begin(); it != captures.end();) {
        auto capture = it->lock();
        if (capture == nullptr || capture->ended) {
            it = captures.erase(it);
            continue;
        }
        bool own = capture->thread == std::this_thread::get_id();
        if (capture->mode == CAPTURE_GLOBAL || (capture->mode == CAPTURE_THREAD_LOCAL && own)) {
            capture->invalidated = forbidden = true;
        }
        ++it;
    }
    check(!forbidden, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

bool Device::launched() {
    launches++;
    for (auto it = faults.begin(); it != faults.end();) {
        bool due = it->after == 0 && it->error != CUDA_ERROR_OUT_OF_MEMORY;
        it->after -= it->after > 0;
        if (due) {
            broken = broken == CUDA_SUCCESS ? it->error : broken;
            broken_for_ever = it->permanent ? broken : broken_for_ever;
        }
        it = due ? faults.erase(it) : std::next(it);
    }
    return broken == CUDA_SUCCESS;
}

bool Device::refuses_memory() {
    for (auto it = faults.begin(); it != faults.end(); ++it) {
        if (it->after == 0 && it->error == CUDA_ERROR_OUT_OF_MEMORY) {
            if (!it->permanent) {
                faults.erase(it);
            }
            return true;
        }
    }
    return false;
}

void Device::destroy_context() {
    Driver& all = driver();
    all.drain(*this);
    all.streams.remove_all(*this);
    all.events.remove_all(*this);
    all.modules.remove_all(*this);
    all.functions.remove_all(*this);
    all.graphs.remove_all(*this);
    all.executables.remove_all(*this);
    all.memory.free_all(ordinal);
    all.pinned.free_all(ordinal);
    legacy.reset();
    per_thread.clear();
    used_bytes = 0;
    alive = false;
    broken = broken_for_ever;
}

void submit(const std::shared_ptr<Stream>& stream, std::function<void()> act) {
    auto guarded = [device = stream->device, act = std::move(act)] {
        if (device->broken == CUDA_SUCCESS) {
            try {
                act();
            } catch (const Failure& failure) {
                device->broken = failure.code;
            }
        }
    };
    auto job = std::make_shared<const std::function<void()>>(std::move(guarded));
    if (stream->capture != nullptr) {
        check(!stream->capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        stream->capture->graph.branches[stream->branch].push_back({std::move(job), 0, 0});
        return;
    }
    // The legacy stream and the blocking ones wait for each other.
    Device& device = *stream->device;
    if (stream == device.legacy) {
        driver().each_stream(device, [&](const std::shared_ptr<Stream>& other) {
            if (other->blocking && other->queue->done() < other->queue->queued()) {
                stream->queue->push_wait(other->queue, other->queue->queued());
            }
        });
    } else if (stream->blocking && device.legacy != nullptr) {
        stream->queue->push_wait(device.legacy->queue, device.legacy->queue->queued());
    }
    stream->queue->push(std::move(job));
}

} // namespace simulator
