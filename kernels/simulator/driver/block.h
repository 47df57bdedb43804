// A block of a kernel, its threads one after another on one thread of the system.
//
// A thread runs until it ends or waits. The order of warps, and of lanes within a warp, is drawn anew for each block and
// after each barrier. Who waits within a warp is served before other warps go on, so a warp's fibers stay in the cache.
//
// Invariant: a block ends when all its threads have ended; where none can go on, the process stops with a message.
#pragma once

#include "fiber.h"
#include "simulated.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace simulator {

constexpr unsigned max_threads_per_block = 1024;
constexpr unsigned warp_lanes = 32;
constexpr unsigned max_warps = max_threads_per_block / warp_lanes;
// Of an H100: what a block may ask for (CUDA programming guide, compute capability 9.0).
constexpr unsigned max_shared_bytes = 227 << 10;

// A kernel in the registry.
struct Kernel {
    const char* name;
    void (*run)(const void* parameters);
    std::size_t parameter_bytes;
    unsigned threads;
};

// A kernel with all that a launch adds to it.
struct Launch {
    const Kernel* kernel;
    Dim3 grid, block;
    unsigned dynamic_shared_bytes;
    // Aligned as the kernel's struct may ask for.
    std::vector<uint4> parameters;
};

// What the lanes of `mask` do together: each gives its operand, and the last to come runs this once for all of them.
// `operands` holds those of the mask's lanes.
using Act = void (*)(void* const (&operands)[warp_lanes], unsigned mask);

// The static shared memory of all kernels, as the calling thread of the system has it.
struct StaticShared {
    unsigned char* begin = nullptr;
    std::size_t bytes = 0;
};
StaticShared find_static_shared();

class Runner;

struct Copy {
    void* shared;
    const void* global;
    unsigned bytes;
    bool valid;
    unsigned group;
};

struct Task : Thread {
    enum class State { running, at_barrier, in_warp, ended };

    Runner* runner;
    unsigned warp;
    State state;
    unsigned stack;
    Context context;
    // cp.async: what has not been waited for, and how many groups have been closed.
    std::vector<Copy> copies;
    unsigned groups;
};

// What lanes that share a mask wait for.
struct Gathering {
    Act act;
    unsigned mask;
    unsigned arrived = 0;
};

struct Warp {
    // By the mask's lowest lane: masks without a lane in common do not disturb each other.
    Gathering gatherings[warp_lanes];
    void* operands[warp_lanes];
};

// Runs blocks of one launch after another, on the thread of the system that calls.
class Runner {
  public:
    explicit Runner(std::uint64_t seed);

    void begin(const Launch& launch);
    void run(Dim3 block_index);

    // For the thread of the block that calls.
    bool barrier(Task& task, bool value);
    void collective(Task& task, unsigned mask, Act act, void* operand);
    // Whether these bytes are of the block's shared memory.
    bool holds_shared(const void* begin, std::size_t bytes) const;

    const Launch* launch = nullptr;
    const Stacks stacks;

  private:
    static void enter();
    unsigned random();
    void draw_order();
    Task* in_order(unsigned position);
    Task* next_to_start();
    void start(Task& task, unsigned stack);
    void go_on(Context& from);
    [[noreturn]] void stop_stuck() const;

    std::vector<Task> tasks;
    std::vector<Warp> warps;
    Block block{};
    Context caller;
    unsigned count = 0, warp_count = 0, started = 0, ended = 0;

    unsigned warp_order[max_warps] = {};
    unsigned lane_turn = 0;

    Task* ready[max_threads_per_block];
    unsigned ready_count = 0;
    unsigned free_stacks[max_threads_per_block];
    unsigned free_stack_count = 0;

    unsigned at_barrier = 0;
    bool barrier_value = false, barrier_result = false;

    // Dynamic shared memory ends where this does, before a page that must not be touched.
    unsigned char* shared_end;
    StaticShared static_shared;
    std::uint64_t random_state;
};

// The task that runs on the stack that holds this address.
inline Task& task_on(const void* stack_address) { return *static_cast<Task*>(thread_on(stack_address)); }
inline Task& this_task() { return task_on(__builtin_frame_address(0)); }

// Ends the process with a message that names the calling thread's kernel, block and index.
[[noreturn]] void stop(const char* why);

// "kernel conv, block (0, 1, 0), thread (3, 0, 0)"
void describe(const Task& task, char* text, std::size_t bytes);

} // namespace simulator
