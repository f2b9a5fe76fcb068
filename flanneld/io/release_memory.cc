#include "flanneld/io/release_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace flanneld {
namespace {

/// Unmaps the pages of one object's segments that nobody can have written to (madvise(2), MADV_DONTNEED).
int drop_unwritten(dl_phdr_info* object, size_t, void*) noexcept {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
    const uintptr_t first = begin / page * page;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives addresses as numbers
    ::madvise(reinterpret_cast<void*>(first), begin + segment.p_memsz - first, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void give_memory_back() noexcept {
  ::malloc_trim(0);
  static bool was_started = false;
  if (!std::exchange(was_started, true)) ::dl_iterate_phdr(&drop_unwritten, nullptr);
}

}  // namespace flanneld
