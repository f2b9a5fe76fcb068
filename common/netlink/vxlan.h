// VXLAN devices of the kind that an overlay with known peers uses: no multicast group, no flooding; peers
// are FDB entries. Knows nothing of who the peers are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

/// UDP: the kernel's, not IANA's.
inline constexpr uint16_t kDefaultVxlanPort = 8472;

struct VxlanSpec {
  std::string name;
  uint32_t vni = 0;
  uint16_t port = 0;                     ///< UDP; 0: kDefaultVxlanPort
  std::optional<base::IpAddress> local;  ///< the outer source address; nullopt: the kernel chooses
  int lower = 0;                         ///< ifindex of the link that carries the packets; 0: any
  uint32_t mtu = 0;                      ///< bytes; 0: the kernel's default, for an existing device: as is
  base::MacAddress mac;
  bool learning = false;
  bool gbp = false;  ///< group policy extension
  bool operator==(const VxlanSpec&) const = default;
};

/// What has the name of a device.
struct VxlanState {
  Link link;
  bool is_vxlan = false;  ///< false: a link of another kind, and `actual` says nothing
  VxlanSpec actual;
  bool other_mode = false;  ///< multicast group, metadata or answering for others: no device of ours
};

/// nullopt when there is no link of that name.
std::optional<VxlanState> find_vxlan(NetlinkSocket& socket, const std::string& name);

/// Why the device cannot be turned into `spec` without being made anew; nullopt if it can, or need not.
/// Pure.
std::optional<std::string> incompatibility(const VxlanState& state, const VxlanSpec& spec);

struct EnsuredVxlan {
  Link link;
  unsigned writes = 0;                     ///< requests that changed something
  bool created = false;                    ///< also when it was made anew: nothing that was on it is left
  std::optional<std::string> replaced;     ///< why what had the name before was removed
  std::optional<std::string> mtu_failure;  ///< the device serves, but with another MTU than wanted
};

/// What there is, changed in place where the kernel can do so (addresses, lower link, learning, MTU), or
/// a new device in place of what has the name. It may still be down. Throws NetlinkError.
EnsuredVxlan ensure_vxlan(NetlinkSocket& socket, const VxlanSpec& spec);

}  // namespace netlink
