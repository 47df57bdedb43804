// The registry of kernels, and how the blocks of a launch are run.
#include "driver.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace simulator {

namespace {

std::map<std::string, Kernel>& registry() {
    static auto& kernels = *new std::map<std::string, Kernel>;
    return kernels;
}

// One for each thread of the system that runs blocks; never destroyed.
std::vector<Runner*>& runners() {
    static auto& all = *new std::vector<Runner*>;
    return all;
}

struct sigaction handler_before;

const void* stack_pointer(const void* context) {
    auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return reinterpret_cast<const void*>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
    return reinterpret_cast<const void*>(machine.sp);
#endif
}

// A kernel has touched what is not memory: says where, and ends the process. Other faults go to whom they went before.
void on_fault(int signal, siginfo_t* info, void* context) {
    const void* stack = stack_pointer(context);
    bool in_kernel = std::any_of(runners().begin(), runners().end(), [&](Runner* it) { return it->stacks.contain(stack); });
    if (!in_kernel) {
        sigaction(signal, &handler_before, nullptr);
        return;
    }
    char where[160], text[400];
    describe(task_on(stack), where, sizeof where);
    auto address = static_cast<const unsigned char*>(info->si_addr);
    const Allocation* near = driver().memory.before(address);
    int length = std::snprintf(text, sizeof text, "simulated CUDA: %s: access to %p, which is not memory", where,
                               static_cast<const void*>(address));
    if (near != nullptr && address >= near->begin + near->bytes) {
        length += std::snprintf(text + length, sizeof text - length, "; %zu bytes behind the end of %zu of device %d",
                                static_cast<std::size_t>(address - near->begin) - near->bytes, near->bytes, near->device);
    }
    text[length++] = '\n';
    [[maybe_unused]] auto written = write(STDERR_FILENO, text, length);
    std::abort();
}

// A fiber whose stack has overflowed cannot handle that fault on it.
void provide_signal_stack() {
    stack_t now{};
    if (sigaltstack(nullptr, &now) == 0 && (now.ss_flags & SS_DISABLE) != 0) {
        constexpr std::size_t bytes = 64 << 10;
        now = {};
        now.ss_sp = std::malloc(bytes);
        now.ss_size = bytes;
        sigaltstack(&now, nullptr);
    }
}

void watch_for_faults() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        sigaction(SIGSEGV, &action, &handler_before);
    });
    provide_signal_stack();
}

} // namespace

Registration::Registration(const char* name, void (*run)(const void*), std::size_t parameter_bytes, unsigned threads) {
    bool is_new = registry().emplace(name, Kernel{name, run, parameter_bytes, threads}).second;
    if (!is_new) {
        std::fprintf(stderr, "simulated CUDA: there are two kernels %s\n", name);
        std::abort();
    }
}

const Kernel* find_kernel(const char* name) {
    auto it = registry().find(name);
    return it == registry().end() ? nullptr : &it->second;
}

void run(const Launch& launch) {
    static const std::size_t threads = std::max<std::size_t>(1, environment("CUDA_SIMULATOR_THREADS", 1));
    static const std::size_t seed = environment("CUDA_SIMULATOR_SEED", 0x5EED);
    const Dim3& grid = launch.grid;
    const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
    const std::size_t helpers = std::min<std::uint64_t>(threads, blocks) - 1;
    for (std::size_t i = runners().size(); i <= helpers; i++) {
        runners().push_back(new Runner(seed * 0x9E3779B97F4A7C15 + i * 2));
    }
    std::atomic<std::uint64_t> next{0};
    auto work = [&](Runner& runner) {
        watch_for_faults();
        runner.begin(launch);
        for (std::uint64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < blocks;) {
            runner.run({static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                        static_cast<unsigned>(i / grid.x / grid.y)});
        }
    };
    std::vector<std::thread> team;
    for (std::size_t i = 1; i <= helpers; i++) {
        team.emplace_back(work, std::ref(*runners()[i]));
    }
    work(*runners()[0]);
    for (std::thread& thread : team) {
        thread.join();
    }
}

} // namespace simulator
