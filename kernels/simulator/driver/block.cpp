#include "block.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

namespace simulator {

namespace {

// More static shared memory than this, of all kernels together, is filled once a launch, not once a block.
constexpr std::size_t max_fill_per_block_bytes = 64 << 10;

unsigned char* guarded_shared_memory() {
    constexpr std::size_t bytes = max_shared_bytes + (-max_shared_bytes % 4096), guard = 4096;
    void* at = mmap(nullptr, bytes + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        std::perror("simulated CUDA: shared memory");
        std::abort();
    }
    auto end = static_cast<unsigned char*>(at) + bytes;
    mprotect(end, guard, PROT_NONE);
    return end;
}

} // namespace

Runner::Runner(std::uint64_t seed)
    : stacks(max_threads_per_block), tasks(max_threads_per_block), warps(max_warps),
      shared_end(guarded_shared_memory()), random_state(seed | 1) {}

void Runner::begin(const Launch& next) {
    launch = &next;
    block.size = next.block;
    block.grid = next.grid;
    block.dynamic_shared = shared_end - (next.dynamic_shared_bytes + 127) / 128 * 128;
    count = next.block.x * next.block.y * next.block.z;
    warp_count = (count + warp_lanes - 1) / warp_lanes;
    for (unsigned i = 0; i < count; i++) {
        Task& task = tasks[i];
        task.index = {i % next.block.x, i / next.block.x % next.block.y, i / next.block.x / next.block.y};
        task.lane = i % warp_lanes;
        task.warp = i / warp_lanes;
        task.block = &block;
        task.runner = this;
    }
    static_shared = find_static_shared();
    std::memset(static_shared.begin, 0xFF, static_shared.bytes);
}

void Runner::run(Dim3 block_index) {
    block.index = block_index;
    std::memset(block.dynamic_shared, 0xFF, shared_end - block.dynamic_shared);
    if (static_shared.bytes <= max_fill_per_block_bytes) {
        std::memset(static_shared.begin, 0xFF, static_shared.bytes);
    }
    free_stack_count = count;
    for (unsigned i = 0; i < count; i++) {
        free_stacks[i] = count - 1 - i;
    }
    started = ended = 0;
    draw_order();
    go_on(caller);
    if (ended != count) {
        stop_stuck();
    }
}

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled" (2016).
unsigned Runner::random() {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return static_cast<unsigned>(random_state * 0x2545F4914F6CDD1D >> 32);
}

void Runner::draw_order() {
    for (unsigned i = 0; i < warp_count; i++) {
        unsigned j = random() % (i + 1);
        warp_order[i] = warp_order[j];
        warp_order[j] = i;
    }
    lane_turn = random() % warp_lanes;
}

// Null where the last warp is not full.
Task* Runner::in_order(unsigned position) {
    unsigned i = warp_order[position / warp_lanes] * warp_lanes + (position % warp_lanes ^ lane_turn);
    return i < count ? &tasks[i] : nullptr;
}

Task* Runner::next_to_start() {
    while (started < warp_count * warp_lanes) {
        if (Task* task = in_order(started++)) {
            return task;
        }
    }
    return nullptr;
}

void Runner::start(Task& task, unsigned stack) {
    task.stack = stack;
    task.groups = 0;
    task.copies.clear();
    thread_on(stacks.end(stack) - 1) = &task;
}

// Where a fiber begins: runs the task that is set on its stack, then those that nobody has begun.
void Runner::enter() {
    for (Task* task = &this_task();;) {
        Runner& runner = *task->runner;
        task->state = Task::State::running;
        runner.launch->kernel->run(runner.launch->parameters.data());
        task->state = Task::State::ended;
        runner.ended++;
        Task* next = runner.ready_count == 0 ? runner.next_to_start() : nullptr;
        if (next == nullptr) {
            runner.free_stacks[runner.free_stack_count++] = task->stack;
            runner.go_on(task->context);
        }
        runner.start(*next, task->stack);
        task = next;
    }
}

void Runner::go_on(Context& from) {
    Context* to = &caller;
    if (ready_count > 0) {
        Task* task = ready[--ready_count];
        task->state = Task::State::running;
        to = &task->context;
    } else if (Task* task = next_to_start()) {
        start(*task, free_stacks[--free_stack_count]);
        prepare(task->context, stacks.end(task->stack), enter);
        to = &task->context;
    }
    if (to != &from) {
        hand_over(from, *to);
    }
}

bool Runner::barrier(Task& task, bool value) {
    task.state = Task::State::at_barrier;
    barrier_value |= value;
    if (++at_barrier == count) {
        barrier_result = barrier_value;
        barrier_value = false;
        at_barrier = 0;
        draw_order();
        for (unsigned position = warp_count * warp_lanes; position-- > 0;) {
            if (Task* other = in_order(position)) {
                ready[ready_count++] = other;
            }
        }
    }
    go_on(task.context);
    return barrier_result;
}

void Runner::collective(Task& task, unsigned mask, Act act, void* operand) {
    unsigned own = 1u << task.lane;
    if ((mask & own) == 0) {
        stop("its lane is not in the mask that it gives");
    }
    Warp& warp = warps[task.warp];
    Gathering& gathering = warp.gatherings[__builtin_ctz(mask)];
    if (gathering.arrived == 0) {
        gathering.act = act;
        gathering.mask = mask;
    } else if (gathering.act != act || gathering.mask != mask) {
        stop("lanes of one warp wait in different functions, or with different masks");
    }
    warp.operands[task.lane] = operand;
    gathering.arrived |= own;
    if (gathering.arrived != mask) {
        task.state = Task::State::in_warp;
        go_on(task.context);
        return;
    }
    gathering.arrived = 0;
    act(warp.operands, mask);
    for (unsigned others = mask & ~own; others != 0; others &= others - 1) {
        ready[ready_count++] = &tasks[task.warp * warp_lanes + __builtin_ctz(others)];
    }
}

bool Runner::holds_shared(const void* begin, std::size_t bytes) const {
    auto within = [=](const unsigned char* from, const unsigned char* to) { return begin >= from && begin <= to - bytes; };
    return within(block.dynamic_shared, shared_end) ||
           within(static_shared.begin, static_shared.begin + static_shared.bytes);
}

void Runner::stop_stuck() const {
    unsigned barrier = 0, warp = 0;
    const Task* first = nullptr;
    for (unsigned i = 0; i < count; i++) {
        barrier += tasks[i].state == Task::State::at_barrier;
        warp += tasks[i].state == Task::State::in_warp;
        first = first == nullptr && tasks[i].state != Task::State::ended ? &tasks[i] : first;
    }
    char where[160];
    describe(*first, where, sizeof where);
    std::fprintf(stderr, "simulated CUDA: %s: cannot go on: of %u threads %u wait at a barrier, %u for lanes of their "
                         "warp, %u have ended\n", where, count, barrier, warp, ended);
    std::abort();
}

bool barrier(bool value) {
    Task& task = this_task();
    return task.runner->barrier(task, value);
}

void describe(const Task& task, char* text, std::size_t bytes) {
    const Dim3 &block = task.block->index, &thread = task.index;
    std::snprintf(text, bytes, "kernel %s, block (%u, %u, %u), thread (%u, %u, %u)", task.runner->launch->kernel->name,
                  block.x, block.y, block.z, thread.x, thread.y, thread.z);
}

void stop(const char* why) {
    char where[160];
    describe(this_task(), where, sizeof where);
    std::fprintf(stderr, "simulated CUDA: %s: %s\n", where, why);
    std::abort();
}

} // namespace simulator
