#include "fiber.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

namespace simulator {

namespace {

constexpr std::size_t guard_bytes = 4096;

// Stacks of one alignment would share a few lines of the caches: each begins a little further down than the last.
constexpr std::size_t stagger_bytes = 192, staggers = 40;

} // namespace

Stacks::Stacks(std::size_t count) : count(count) {
    // One stack more than needed, for the alignment.
    void* at = mmap(nullptr, (count + 1) * stack_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        std::perror("simulated CUDA: stacks");
        std::abort();
    }
    mapping = static_cast<unsigned char*>(at);
    first = mapping + (stack_bytes - reinterpret_cast<std::uintptr_t>(at) % stack_bytes) % stack_bytes;
    for (std::size_t i = 0; i < count; i++) {
        mprotect(first + i * stack_bytes, guard_bytes, PROT_NONE);
    }
}

Stacks::~Stacks() { munmap(mapping, (count + 1) * stack_bytes); }

unsigned char* Stacks::end(std::size_t i) const {
    return first + (i + 1) * stack_bytes - stack_reserved_bytes - i % staggers * stagger_bytes;
}

bool Stacks::contain(const void* address) const {
    return address >= first && address < first + count * stack_bytes;
}

#ifdef __x86_64__

// Saves what a function must keep (System V ABI, section 3.2.1) on the stack that is left.
asm(R"(
    .text
    .p2align 4
    .hidden simulator_hand_over
    .globl simulator_hand_over
    .type simulator_hand_over, @function
simulator_hand_over:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size simulator_hand_over, . - simulator_hand_over
)");
extern "C" void simulator_hand_over(Context* from, Context* to);

void prepare(Context& to, unsigned char* stack_end, void (*entry)()) {
    // Six registers, the address to return to, and one word so that the stack is aligned as after a call.
    void** top = reinterpret_cast<void**>(stack_end) - 8;
    for (int i = 0; i < 6; i++) {
        top[i] = nullptr;
    }
    top[6] = reinterpret_cast<void*>(entry);
    top[7] = nullptr;
    to.stack_pointer = top;
}

void hand_over(Context& from, Context& to) { simulator_hand_over(&from, &to); }

#else

void prepare(Context& to, unsigned char* stack_end, void (*entry)()) {
    auto stack = reinterpret_cast<std::uintptr_t>(stack_end) & ~(stack_bytes - 1);
    getcontext(&to.state);
    to.state.uc_stack.ss_sp = reinterpret_cast<void*>(stack + guard_bytes);
    to.state.uc_stack.ss_size = reinterpret_cast<std::uintptr_t>(stack_end) - stack - guard_bytes;
    to.state.uc_link = nullptr;
    makecontext(&to.state, entry, 0);
}

void hand_over(Context& from, Context& to) { swapcontext(&from.state, &to.state); }

#endif

} // namespace simulator
