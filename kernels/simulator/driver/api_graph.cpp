// Capture of streams, and graphs.
#include "driver.h"

using namespace simulator;

namespace {

// CUgraphInstantiate_flags: free at launch, upload, device launch (not here), priorities of nodes.
constexpr unsigned long long known_flags = 1 | 2 | 8;

} // namespace

API cuStreamBeginCapture_v2(Handle handle, CUstreamCaptureMode mode) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        check(stream != device.legacy, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        check(stream->capture == nullptr && mode >= CAPTURE_GLOBAL && mode <= CAPTURE_RELAXED, CUDA_ERROR_INVALID_VALUE);
        auto capture = std::make_shared<Capture>();
        capture->device = &device;
        capture->mode = mode;
        capture->thread = std::this_thread::get_id();
        all.captures.push_back(capture);
        stream->capture = capture;
        stream->branch = 0;
    });
}

// Whatever it returns, the capture has ended.
API cuStreamEndCapture(Handle handle, Handle* graph) {
    *graph = 0;
    return call([=](Driver& all) {
        Device& device = all.current();
        auto stream = all.stream(handle, device);
        auto capture = stream->capture;
        check(capture != nullptr, CUDA_ERROR_INVALID_VALUE);
        check(stream->branch == 0, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
        check(capture->mode == CAPTURE_RELAXED || capture->thread == std::this_thread::get_id(),
              CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        all.each_stream(device, [&](const std::shared_ptr<Stream>& other) {
            if (other->capture == capture) {
                other->capture = nullptr;
            }
        });
        capture->ended = true;
        check(!capture->invalidated, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
        check(capture->graph.joined(), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
        auto captured = std::make_shared<Graph>(std::move(capture->graph));
        *graph = all.graphs.add(std::make_shared<CapturedGraph>(CapturedGraph{&device, std::move(captured)}));
    });
}

API cuStreamIsCapturing(Handle handle, CUstreamCaptureStatus* status) {
    return call([=](Driver& all) {
        auto stream = all.stream(handle, all.current());
        *status = stream->capture == nullptr       ? CAPTURE_NONE
                  : stream->capture->invalidated ? CAPTURE_INVALIDATED
                                                 : CAPTURE_ACTIVE;
    });
}

API cuGraphInstantiateWithFlags(Handle* executable, Handle graph, unsigned long long flags) {
    return call([=](Driver& all) {
        auto from = all.graphs.get(graph, all.current());
        check((flags & ~known_flags) == 0, CUDA_ERROR_INVALID_VALUE);
        *executable = all.executables.add(from);
    });
}

API cuGraphLaunch(Handle executable, Handle handle) {
    return call([=](Driver& all) {
        Device& device = all.current();
        auto graph = all.executables.get(executable, device)->graph;
        auto stream = all.stream(handle, device);
        check(stream->capture == nullptr, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        submit(stream, [&device, graph] {
            if (device.launched()) {
                graph->run();
            }
        });
    });
}

API cuGraphUpload(Handle executable, Handle handle) {
    return call([=](Driver& all) {
        Device& device = all.current();
        all.executables.get(executable, device);
        all.stream(handle, device);
    });
}

API cuGraphExecDestroy(Handle executable) {
    return call([=](Driver& all) {
        all.executables.get(executable, all.current_even_broken());
        all.executables.remove(executable);
    });
}

API cuGraphDestroy(Handle graph) {
    return call([=](Driver& all) {
        all.graphs.get(graph, all.current_even_broken());
        all.graphs.remove(graph);
    });
}
