#include "cni-ipam/store/lease_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/base/unique_fd.h"

namespace ipam {
namespace {

constexpr size_t kMaxLeaseBytes = 4096;

LeaseFile::State state_of_open_error(int error_number) {
  if (error_number == ENOENT) return LeaseFile::State::absent;
  const bool strange = error_number == ELOOP || error_number == ENXIO;  // a link; a socket
  return strange ? LeaseFile::State::strange : LeaseFile::State::unreadable;
}

}  // namespace

LeaseFile read_lease(int dir_fd, const std::string& name, LeaseTime time) {
  LeaseFile lease;
  const base::UniqueFd fd(::openat(dir_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) {
    lease.state = state_of_open_error(errno);
    return lease;
  }
  char buffer[kMaxLeaseBytes];
  const ssize_t length = ::read(fd.get(), buffer, sizeof buffer);
  struct stat status {};
  // A FIFO reads as empty: only what looks torn needs a second look at its kind.
  if ((time == LeaseTime::read || length <= 0) &&
      (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    lease.state = LeaseFile::State::strange;
    return lease;
  }
  lease.state = length < 0 ? LeaseFile::State::unreadable : LeaseFile::State::read;
  if (length > 0) lease.mark = base::trimmed({buffer, static_cast<size_t>(length)});
  lease.modified = base::nanoseconds(status.st_mtim);
  return lease;
}

std::optional<base::IpAddress> lease_address(const std::string& name) {
  const auto address = base::IpAddress::parse(name);
  return address && address->str() == name ? address : std::nullopt;
}

}  // namespace ipam
