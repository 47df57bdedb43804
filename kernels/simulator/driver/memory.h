// Memory of devices, and pinned memory of the host.
//
// Invariant: an allocation ends, rounded up to 256 bytes, before a page that must not be touched, and holds 0xFF until
// it is written. What surrounds it is looked at when it is freed.
#pragma once

#include "cuda.h"

#include <map>

namespace simulator {

// How cuMemAlloc aligns, in bytes.
constexpr std::size_t alignment = 256;

inline std::size_t rounded(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

struct Allocation {
    unsigned char* begin;
    std::size_t bytes;
    int device;
};

class Memory {
  public:
    // Null where the system has none left.
    unsigned char* allocate(std::size_t bytes, int device);
    // Ends the process with a message if something was written beside the allocation, which must be one.
    void free(const void* begin);
    void free_all(int device);

    // The allocation that begins there, or that holds all of these bytes; null if there is none.
    const Allocation* at(const void* begin) const;
    const Allocation* holding(const void* begin, std::size_t bytes) const;
    // Of what lies there or nearby, for a message.
    const Allocation* before(const void* address) const;

  private:
    std::map<const unsigned char*, Allocation> live;
};

} // namespace simulator
