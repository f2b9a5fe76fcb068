#include "common/netlink/tun.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/netlink/error.h"

namespace netlink {
namespace {

using base::quoted;

constexpr const char* kDevice = "/dev/net/tun";
constexpr short kFlags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;

struct TunState {
  bool has_frames = false;  ///< a TAP device
  bool has_queues = false;  ///< more than one program may serve it
  bool stays = true;
};

/// Kernels before 4.17 tell nothing: then it is taken as it should be.
TunState read_state(NetlinkSocket& socket, const Link& link) {
  ifinfomsg header{};
  header.ifi_index = link.ifindex;
  Message query(RTM_GETLINK, 0);
  query.header(header).put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  TunState state;
  socket.get(query, fmt::format("look up TUN device {}", quoted(link.name)), [&](const nlmsghdr* message) {
    const Attributes data =
        Attributes::of(message, sizeof(ifinfomsg)).nested(IFLA_LINKINFO).nested(IFLA_INFO_DATA);
    state = {.has_frames = data.u8(IFLA_TUN_TYPE) == IFF_TAP,
             .has_queues = data.u8(IFLA_TUN_MULTI_QUEUE) != 0,
             .stays = !data.find(IFLA_TUN_PERSIST) || data.u8(IFLA_TUN_PERSIST) != 0};
  });
  return state;
}

std::optional<std::string> incompatibility(const Link& link, const TunState& state) {
  if (link.kind != "tun")
    return link.kind.empty() ? "it is no virtual device"
                             : fmt::format("it is a {} device", quoted(link.kind));
  if (state.has_frames) return "it is a TAP device";
  if (state.has_queues) return "it has several queues";
  return std::nullopt;
}

base::UniqueFd open_device(const std::string& doing) {
  base::UniqueFd fd(::open(kDevice, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) base::throw_errno(fmt::format("{}: open {}", doing, kDevice));
  return fd;
}

/// Takes the end of a device that stays, made if there is none.
base::UniqueFd take_end(const std::string& name, const std::string& doing) {
  base::UniqueFd fd = open_device(doing);
  ifreq request{};
  if (name.size() >= IFNAMSIZ) throw base::KernelError(ENAMETOOLONG, doing);
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  request.ifr_flags = kFlags;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) throw base::KernelError(errno, doing);
  if (::ioctl(fd.get(), TUNSETPERSIST, 1) != 0) throw base::KernelError(errno, doing);
  return fd;
}

}  // namespace

std::optional<std::string> tun_incompatibility(NetlinkSocket& socket, const Link& link) {
  return incompatibility(link, read_state(socket, link));
}

EnsuredTun ensure_tun(NetlinkSocket& socket, const std::string& name, uint32_t mtu) {
  EnsuredTun result;
  auto link = find_link(socket, name);
  if (link) {
    const TunState state = read_state(socket, *link);
    result.replaced = incompatibility(*link, state);
    if (!result.replaced && !state.stays)
      throw base::KernelError(EBUSY,
                              fmt::format("use TUN device {}, which another program serves", quoted(name)));
  }
  if (result.replaced && remove_link(socket, name)) ++result.writes;
  if (!link || result.replaced) {
    const std::string doing = fmt::format("create TUN device {}", quoted(name));
    take_end(name, doing);
    ++result.writes;
    link = find_link(socket, name);
    if (!link) throw NetlinkError(ENODEV, doing, "it went away at once");
  }
  if (link->mtu != mtu) {
    set_mtu(socket, *link, mtu);
    ++result.writes;
  }
  result.link = std::move(*link);
  return result;
}

int probe_tun() {
  const base::UniqueFd fd(::open(kDevice, O_RDWR | O_CLOEXEC));
  unsigned features = 0;
  return fd.valid() && ::ioctl(fd.get(), TUNGETFEATURES, &features) == 0 ? 0 : errno;
}

base::UniqueFd serve_tun(const std::string& name) {
  base::UniqueFd fd = take_end(name, fmt::format("serve TUN device {}", quoted(name)));
  ::ioctl(fd.get(), TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4);  // without them packets are just smaller
  return fd;
}

}  // namespace netlink
