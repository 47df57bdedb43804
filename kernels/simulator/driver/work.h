// Work that waits until somebody needs it: what streams queue and graphs replay.
//
// Nothing runs when it is queued. So what a caller reads without having synchronised is what was there before.
//
// Invariant: the work of one queue runs in its order; what waits for another queue's first n runs after them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace simulator {

using Job = std::shared_ptr<const std::function<void()>>;

class Queue {
  public:
    void push(Job job);
    // What follows runs after the first `count` of `other`.
    void push_wait(std::shared_ptr<Queue> other, std::uint64_t count);

    std::uint64_t queued() const { return done_count + items.size(); }
    std::uint64_t done() const { return done_count; }
    // Runs until the first `count` are done, those of other queues that they wait for included.
    void advance(std::uint64_t count);
    // Runs one, and says whether the first `count` are done: for those who poll.
    bool poll(std::uint64_t count);

  private:
    struct Item {
        Job job; // or
        std::shared_ptr<Queue> other;
        std::uint64_t count;
    };

    std::deque<Item> items;
    std::uint64_t done_count = 0;
};

// What has been captured: a branch for each stream that took part, the first for that where the capture began.
class Graph {
  public:
    struct Item {
        Job job; // or
        std::size_t branch;
        std::uint64_t count;
    };

    std::vector<std::vector<Item>> branches{1};

    // Whether the first branch waits for all that was done on the others.
    bool joined() const;
    void run() const { replay(true); }

  private:
    bool replay(bool with_jobs) const;
};

} // namespace simulator
