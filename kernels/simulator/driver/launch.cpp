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

struct sigaction before_segv, before_ill;

const void* stack_pointer(const void* context) {
    auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return reinterpret_cast<const void*>(machine.gregs[REG_RSP]);
#elif defined(__aarch64__)
    return reinterpret_cast<const void*>(machine.sp);
#else
#error "where is the stack pointer?"
#endif
}

// Why a kernel was stopped by the processor. Its compiler puts illegal instructions where it has found a mistake.
void explain(int signal, const siginfo_t& info, char* text, std::size_t bytes) {
    if (signal == SIGILL) {
        std::snprintf(text, bytes, "access beside an array, or not aligned to its type");
        return;
    }
    if (info.si_code == SI_KERNEL) {
        std::snprintf(text, bytes, "access that is not aligned, or to what is no address");
        return;
    }
    auto address = static_cast<const unsigned char*>(info.si_addr);
    int length = std::snprintf(text, bytes, "access to %p, which is not memory", info.si_addr);
    const Allocation* near = driver().memory.before(address);
    if (near != nullptr && address >= near->begin + near->bytes) {
        std::snprintf(text + length, bytes - length, "; %zu bytes behind the end of %zu of device %d",
                      static_cast<std::size_t>(address - near->begin) - near->bytes, near->bytes, near->device);
    }
}

// Says where a kernel was, and ends the process. What happens elsewhere goes to whom it went before.
void on_fault(int signal, siginfo_t* info, void* context) {
    const void* stack = stack_pointer(context);
    bool in_kernel = std::any_of(runners().begin(), runners().end(), [&](Runner* it) { return it->stacks.contain(stack); });
    if (!in_kernel) {
        sigaction(signal, signal == SIGILL ? &before_ill : &before_segv, nullptr);
        return;
    }
    char where[160], why[200], text[400];
    describe(task_on(stack), where, sizeof where);
    explain(signal, *info, why, sizeof why);
    int length = std::snprintf(text, sizeof text, "simulated CUDA: %s: %s\n", where, why);
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
        sigaction(SIGSEGV, &action, &before_segv);
        sigaction(SIGILL, &action, &before_ill);
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
    // Blocks begin anywhere: nothing may depend on their order.
    static std::uint64_t first = seed;
    first = first * 6364136223846793005 + 1442695040888963407;
    std::atomic<std::uint64_t> next{0};
    auto work = [&](Runner& runner) {
        watch_for_faults();
        runner.begin(launch);
        for (std::uint64_t turn; (turn = next.fetch_add(1, std::memory_order_relaxed)) < blocks;) {
            std::uint64_t i = (turn + (first >> 33)) % blocks;
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
