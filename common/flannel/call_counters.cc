#include "common/flannel/call_counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "common/base/unique_fd.h"

namespace flannel {
namespace {

constexpr char kMagic[16] = "flannel-calls 1";
constexpr size_t kSize = 4096;
constexpr mode_t kMode = 0600;

/// The file. All zeros until the first call; the magic is what two first calls write alike.
struct Page {
  char magic[sizeof kMagic];
  CallCounts calls[2];
};
static_assert(sizeof(Page) <= kSize);

/// Owns a mapping of the page.
class Mapping {
 public:
  Mapping(int fd, int protection) : at_(::mmap(nullptr, kSize, protection, MAP_SHARED, fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (page()) ::munmap(at_, kSize);
  }
  [[nodiscard]] Page* page() const { return at_ == MAP_FAILED ? nullptr : static_cast<Page*>(at_); }

 private:
  void* at_;
};

/// Whether the file's page can be touched: one without memory behind it would end the process.
bool is_whole(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == kSize &&
         status.st_blocks * 512 >= static_cast<off_t>(kSize);
}

base::UniqueFd open_page(const char* path) {
  base::UniqueFd fd(::open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, kMode));
  if (!fd.valid() || is_whole(fd.get())) return fd;
  if (::posix_fallocate(fd.get(), 0, kSize) != 0 || !is_whole(fd.get())) fd.reset();
  return fd;
}

void add(uint64_t& counter, uint64_t amount) {
  std::atomic_ref(counter).fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

void count_call(CountedCall call, std::chrono::microseconds took, unsigned code, const char* path) noexcept {
  const base::UniqueFd fd = open_page(path);
  if (!fd.valid()) return;
  const Mapping mapping(fd.get(), PROT_READ | PROT_WRITE);
  Page* page = mapping.page();
  if (!page) return;
  if (page->magic[0] == 0) std::memcpy(page->magic, kMagic, sizeof kMagic);
  if (std::memcmp(page->magic, kMagic, sizeof kMagic) != 0) return;  // another version's
  CallCounts& counts = page->calls[static_cast<size_t>(call)];
  if (code != 0) return add(counts.failures[std::min<size_t>(code, CallCounts::kCodes - 1)], 1);
  const auto* const bound = std::lower_bound(kCallBounds.begin(), kCallBounds.end(), took.count(),
                                             [](uint32_t ms, int64_t us) { return int64_t{ms} * 1000 < us; });
  add(counts.took[static_cast<size_t>(bound - kCallBounds.begin())], 1);
  add(counts.microseconds, static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
}

std::optional<CallCounts> read_call_counts(CountedCall call, const char* path) noexcept {
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  Page page{};
  if (!fd.valid() || ::pread(fd.get(), &page, sizeof page, 0) != sizeof page ||
      std::memcmp(page.magic, kMagic, sizeof kMagic) != 0)
    return std::nullopt;
  return page.calls[static_cast<size_t>(call)];
}

}  // namespace flannel
