#include "common/netlink/netns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdlib>

#include "common/base/error.h"

namespace netlink {
namespace {

/// The type of namespace behind a descriptor, or -1 when it is none (ioctl_ns(2)).
int namespace_type(int fd) { return ::ioctl(fd, NS_GET_NSTYPE); }

base::UniqueFd open_path(const std::string& path) {
  // O_NONBLOCK: the path comes from outside and may name a FIFO.
  return base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

}  // namespace

NetnsScope::NetnsScope(int inside_fd, const std::string& path) : home_(open_path("/proc/self/ns/net")) {
  if (!home_.valid()) base::throw_errno("open the own network namespace");
  if (::setns(inside_fd, CLONE_NEWNET) != 0)
    base::throw_errno(fmt::format("enter network namespace '{}'", path));
}

NetnsScope::~NetnsScope() {
  if (home_.valid() && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

Netns::Lookup Netns::look_up(const std::string& path) {
  base::UniqueFd fd = open_path(path);
  if (fd.valid() && namespace_type(fd.get()) == CLONE_NEWNET)
    return {State::present, Netns(std::move(fd), path)};
  if (fd.valid() || errno == ENXIO || errno == ENODEV) return {State::not_a_namespace, std::nullopt};
  if (errno == ENOENT || errno == ENOTDIR || errno == ESRCH) return {State::absent, std::nullopt};
  base::throw_errno(fmt::format("open network namespace '{}'", path));
}

}  // namespace netlink
