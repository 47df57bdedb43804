// Static shared memory is what the kernels declare as `static thread_local`: nothing else of this library is.
#include "block.h"

#include <link.h>

namespace simulator {

namespace {

// So that there is at least one, and so that the library is found by it.
thread_local unsigned char marker[16];

int find(dl_phdr_info* library, std::size_t, void* found) {
    auto begin = static_cast<unsigned char*>(library->dlpi_tls_data);
    for (int i = 0; begin != nullptr && i < library->dlpi_phnum; i++) {
        const ElfW(Phdr)& part = library->dlpi_phdr[i];
        if (part.p_type == PT_TLS && marker >= begin && marker < begin + part.p_memsz) {
            *static_cast<StaticShared*>(found) = {begin, part.p_memsz};
            return 1;
        }
    }
    return 0;
}

} // namespace

StaticShared find_static_shared() {
    marker[0] = 0; // a thread has them from its first use on
    StaticShared found;
    dl_iterate_phdr(find, &found);
    return found;
}

} // namespace simulator
