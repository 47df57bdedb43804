// Fibers: stacks that run one at a time and hand over to each other.
//
// Invariant: a fiber stays on the thread of the system that began it.
#pragma once

#include "simulated.h"

#include <cstddef>
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace simulator {

// Where a fiber, or the thread of the system that called the first one, goes on.
struct Context {
#ifdef __x86_64__
    void* stack_pointer = nullptr;
#else
    ucontext_t state;
#endif
};

// Makes `to` begin with `entry`, which must not return, on the stack that ends at `stack_end`.
void prepare(Context& to, unsigned char* stack_end, void (*entry)());

// Goes on with `to`; returns when something goes on with `from`.
void hand_over(Context& from, Context& to);

// The stacks of a block's fibers. Below each lies a page that must not be touched.
class Stacks {
  public:
    explicit Stacks(std::size_t count);
    ~Stacks();
    Stacks(const Stacks&) = delete;
    Stacks& operator=(const Stacks&) = delete;

    // The end of stack `i`, where the fiber begins.
    unsigned char* end(std::size_t i) const;
    bool contain(const void* address) const;

  private:
    std::size_t count;
    unsigned char* mapping;
    unsigned char* first;
};

} // namespace simulator
