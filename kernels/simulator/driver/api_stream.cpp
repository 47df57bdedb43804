// Streams, events, and launches of kernels.
#include "driver.h"

#include <chrono>
#include <cstring>

using namespace simulator;

namespace {

constexpr int CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;

Handle add_stream(Driver& all, unsigned flags) {
    auto stream = std::make_shared<Stream>();
    stream->device = &all.current();
    stream->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
    return all.streams.add(std::move(stream));
}

// Who synchronises with what is being captured spoils the capture.
void forbid_while_captured(const Stream& stream) {
    if (stream.capture != nullptr) {
        stream.capture->invalidated = true;
        throw Failure{CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED};
    }
}

double now_ms() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

void check_launch(const Function& function, const Launch& launch) {
    const Dim3 &grid = launch.grid, &block = launch.block;
    check(grid.x > 0 && grid.y > 0 && grid.z > 0 && block.x > 0 && block.y > 0 && block.z > 0, CUDA_ERROR_INVALID_VALUE);
    check(grid.x <= 2147483647 && grid.y <= 65535 && grid.z <= 65535, CUDA_ERROR_INVALID_VALUE);
    check(block.x <= 1024 && block.y <= 1024 && block.z <= 64, CUDA_ERROR_INVALID_VALUE);
    check(block.x * block.y * block.z <= max_threads_per_block, CUDA_ERROR_INVALID_VALUE);
    check(launch.dynamic_shared_bytes <= function.max_dynamic_shared_bytes, CUDA_ERROR_INVALID_VALUE);
    check(block.x * block.y * block.z <= function.kernel->threads, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
}

} // namespace

API cuStreamCreate(Handle* stream, unsigned flags) {
    return call([=](Driver& all) { *stream = add_stream(all, flags); });
}

API cuStreamCreateWithPriority(Handle* stream, unsigned flags, int) {
    return call([=](Driver& all) { *stream = add_stream(all, flags); });
}

API cuStreamDestroy_v2(Handle handle) {
    return call([=](Driver& all) {
        auto stream = all.streams.get(handle, all.current());
        stream->queue->advance(stream->queue->queued());
        all.streams.remove(handle);
    });
}

API cuStreamSynchronize(Handle handle) {
    return call([=](Driver& all) {
        auto stream = all.stream(handle, all.current());
        forbid_while_captured(*stream);
        all.forbid_in_capture();
        stream->queue->advance(stream->queue->queued());
        all.current();
    });
}

API cuStreamQuery(Handle handle) {
    return call([=](Driver& all) {
        auto stream = all.stream(handle, all.current());
        forbid_while_captured(*stream);
        all.forbid_in_capture();
        bool done = stream->queue->poll(stream->queue->queued());
        all.current();
        check(done, CUDA_ERROR_NOT_READY);
    });
}

// Waits for what the event stands for now, whatever is recorded in it later.
API cuStreamWaitEvent(Handle handle, Handle event_handle, unsigned) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        auto event = all.events.find(event_handle);
        if (event->capture != nullptr) {
            auto capture = event->capture;
            check(!capture->ended, CUDA_ERROR_INVALID_VALUE);
            if (stream->capture == nullptr) {
                stream->capture = capture; // a fork
                stream->branch = capture->graph.branches.size();
                capture->graph.branches.emplace_back();
            }
            check(stream->capture == capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
            capture->graph.branches[stream->branch].push_back({nullptr, event->branch, event->count});
        } else if (event->queue != nullptr) {
            if (stream->capture != nullptr) {
                stream->capture->invalidated = true;
                throw Failure{CUDA_ERROR_STREAM_CAPTURE_ISOLATION};
            }
            stream->queue->push_wait(event->queue, event->count);
        }
    });
}

API cuLaunchHostFunc(Handle handle, void (*act)(void*), void* data) {
    return call([=](Driver& all) { submit(all.stream(handle, all.current()), [=] { act(data); }); });
}

API cuEventCreate(Handle* event, unsigned flags) {
    return call([=](Driver& all) {
        auto made = std::make_shared<Event>();
        made->device = &all.current();
        made->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
        *event = all.events.add(std::move(made));
    });
}

API cuEventDestroy_v2(Handle handle) {
    return call([=](Driver& all) {
        all.events.get(handle, all.current_even_broken());
        all.events.remove(handle);
    });
}

API cuEventRecord(Handle event_handle, Handle handle) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        auto event = all.events.get(event_handle, device);
        auto time_ms = std::make_shared<double>(-1);
        submit(stream, [=] { *time_ms = now_ms(); });
        event->time_ms = time_ms;
        event->capture = stream->capture;
        event->branch = stream->branch;
        event->queue = stream->capture == nullptr ? stream->queue : nullptr;
        event->count = stream->capture == nullptr ? stream->queue->queued()
                                                  : stream->capture->graph.branches[stream->branch].size();
    });
}

API cuEventSynchronize(Handle handle) {
    return call([=](Driver& all) {
        auto event = all.events.get(handle, all.current());
        check(event->capture == nullptr, CUDA_ERROR_CAPTURED_EVENT);
        all.forbid_in_capture();
        if (event->queue != nullptr) {
            event->queue->advance(event->count);
            all.current();
        }
    });
}

API cuEventQuery(Handle handle) {
    return call([=](Driver& all) {
        auto event = all.events.find(handle);
        Device& device = *event->device;
        check(device.broken == CUDA_SUCCESS, device.broken);
        check(event->capture == nullptr, CUDA_ERROR_CAPTURED_EVENT);
        all.forbid_in_capture();
        bool done = event->queue == nullptr || event->queue->poll(event->count);
        check(device.broken == CUDA_SUCCESS, device.broken);
        check(done, CUDA_ERROR_NOT_READY);
    });
}

API cuEventElapsedTime(float* milliseconds, Handle start, Handle end) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto first = all.events.get(start, device), last = all.events.get(end, device);
        for (const auto& event : {first, last}) {
            check(event->timed && event->queue != nullptr, CUDA_ERROR_INVALID_HANDLE);
            check(event->queue->done() >= event->count, CUDA_ERROR_NOT_READY);
        }
        *milliseconds = static_cast<float>(*last->time_ms - *first->time_ms);
    });
}

API cuLaunchKernel(Handle handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, Handle stream_handle, void** parameters,
                   void** extra) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto function = all.functions.get(handle, device);
        auto stream = all.stream(stream_handle, device);
        check(extra == nullptr, CUDA_ERROR_NOT_SUPPORTED);
        check(parameters != nullptr && parameters[0] != nullptr, CUDA_ERROR_INVALID_VALUE);
        auto launch = std::make_shared<Launch>();
        launch->kernel = function->kernel;
        launch->grid = {grid_x, grid_y, grid_z};
        launch->block = {block_x, block_y, block_z};
        launch->dynamic_shared_bytes = shared_bytes;
        check_launch(*function, *launch);
        launch->parameters.resize(function->kernel->parameter_bytes / sizeof(uint4) + 1);
        std::memcpy(launch->parameters.data(), parameters[0], function->kernel->parameter_bytes);
        bool captured = stream->capture != nullptr; // a graph counts as one launch
        submit(stream, [&device, launch, captured] {
            if (captured || device.launched()) {
                run(*launch);
            }
        });
    });
}

API cuFuncSetAttribute(Handle handle, int attribute, int value) {
    return call([=](Driver& all) {
        auto function = all.functions.get(handle, all.current());
        if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
            check(value >= 0 && static_cast<unsigned>(value) <= max_shared_bytes, CUDA_ERROR_INVALID_VALUE);
            function->max_dynamic_shared_bytes = value;
        }
    });
}

// CUfunction_attribute: the threads that it may have, registers by that, and what it may ask for; the others are 0.
API cuFuncGetAttribute(int* value, int attribute, Handle handle) {
    return call([=](Driver& all) {
        auto function = all.functions.get(handle, all.current());
        int threads = static_cast<int>(function->kernel->threads);
        *value = attribute == 0   ? threads
                 : attribute == 4 ? std::min(255, 65536 / threads)
                 : attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
                     ? static_cast<int>(function->max_dynamic_shared_bytes)
                     : 0;
    });
}

API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, Handle handle, int threads,
                                                         std::size_t shared_bytes, unsigned) {
    return call([=](Driver& all) {
        all.functions.get(handle, all.current());
        check(threads > 0, CUDA_ERROR_INVALID_VALUE);
        int by_threads = 2048 / ((threads + 31) / 32 * 32);
        int by_memory = static_cast<int>((228 << 10) / (shared_bytes + 1024));
        *blocks = std::min({32, by_threads, by_memory});
    });
}

API cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Handle handle, int threads, std::size_t shared_bytes) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, handle, threads, shared_bytes, 0);
}
