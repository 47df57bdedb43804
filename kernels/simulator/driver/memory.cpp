#include "memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace simulator {

namespace {

constexpr std::size_t page = 4096;
constexpr unsigned char untouched = 0xFF;

// What is mapped for an allocation without the page behind it. The page before the first is the gap's, if any.
std::size_t mapped(std::size_t bytes) { return (rounded(bytes) + page - 1) / page * page; }

unsigned char* mapping_of(const Allocation& it) { return it.begin + rounded(it.bytes) - mapped(it.bytes); }

bool all_untouched(const unsigned char* begin, const unsigned char* end) {
    while (begin < end && *begin == untouched) {
        begin++;
    }
    return begin == end;
}

void release(const Allocation& it) {
    bool before = all_untouched(mapping_of(it), it.begin);
    bool behind = all_untouched(it.begin + it.bytes, it.begin + rounded(it.bytes));
    if (!before || !behind) {
        std::fprintf(stderr, "simulated CUDA: something has written just %s an allocation of %zu bytes of device %d\n",
                     before ? "behind" : "before", it.bytes, it.device);
        std::abort();
    }
    munmap(mapping_of(it), mapped(it.bytes) + page);
}

} // namespace

unsigned char* Memory::allocate(std::size_t bytes, int device) {
    void* at = mmap(nullptr, mapped(bytes) + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return nullptr;
    }
    auto mapping = static_cast<unsigned char*>(at);
    mprotect(mapping + mapped(bytes), page, PROT_NONE);
    std::memset(mapping, untouched, mapped(bytes));
    unsigned char* begin = mapping + mapped(bytes) - rounded(bytes);
    live[begin] = {begin, bytes, device};
    return begin;
}

void Memory::free(const void* begin) {
    auto it = live.find(static_cast<const unsigned char*>(begin));
    release(it->second);
    live.erase(it);
}

void Memory::free_all(int device) {
    for (auto it = live.begin(); it != live.end();) {
        if (it->second.device == device) {
            release(it->second);
            it = live.erase(it);
        } else {
            ++it;
        }
    }
}

const Allocation* Memory::at(const void* begin) const {
    auto it = live.find(static_cast<const unsigned char*>(begin));
    return it == live.end() ? nullptr : &it->second;
}

const Allocation* Memory::before(const void* address) const {
    auto it = live.upper_bound(static_cast<const unsigned char*>(address));
    return it == live.begin() ? nullptr : &std::prev(it)->second;
}

const Allocation* Memory::holding(const void* begin, std::size_t bytes) const {
    const Allocation* it = before(begin);
    if (it == nullptr) {
        return nullptr;
    }
    std::size_t offset = static_cast<const unsigned char*>(begin) - it->begin;
    return offset <= it->bytes && bytes <= it->bytes - offset ? it : nullptr;
}

} // namespace simulator
