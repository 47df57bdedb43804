#include "work.h"

namespace simulator {

void Queue::push(Job job) { items.push_back({std::move(job), nullptr, 0}); }

void Queue::push_wait(std::shared_ptr<Queue> other, std::uint64_t count) {
    items.push_back({nullptr, std::move(other), count});
}

void Queue::advance(std::uint64_t count) {
    while (done_count < count) {
        Item item = std::move(items.front());
        if (item.job) {
            (*item.job)();
        } else {
            item.other->advance(item.count);
        }
        items.pop_front();
        done_count++;
    }
}

bool Queue::poll(std::uint64_t count) {
    if (done_count < count) {
        advance(done_count + 1);
        return false;
    }
    return true;
}

bool Graph::joined() const { return replay(false); }

bool Graph::replay(bool with_jobs) const {
    static const Job nothing = std::make_shared<const std::function<void()>>([] {});
    std::vector<std::shared_ptr<Queue>> queues(branches.size());
    for (auto& queue : queues) {
        queue = std::make_shared<Queue>();
    }
    for (std::size_t i = 0; i < branches.size(); i++) {
        for (const Item& item : branches[i]) {
            if (item.job) {
                queues[i]->push(with_jobs ? item.job : nothing);
            } else {
                queues[i]->push_wait(queues[item.branch], item.count);
            }
        }
    }
    queues[0]->advance(queues[0]->queued());
    for (const auto& queue : queues) {
        if (queue->done() < queue->queued()) {
            return false;
        }
    }
    return true;
}

} // namespace simulator
