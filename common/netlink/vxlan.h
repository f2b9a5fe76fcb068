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
  std::string name{};
  uint32_t vni = 0;
  uint16_t port = 0;                       ///< UDP; 0: kDefaultVxlanPort
  std::optional<base::IpAddress> local{};  ///< the outer source address; nullopt: the kernel chooses
  int lower = 0;                           ///< ifindex of the link that carries the packets; 0: any
  uint32_t mtu = 0;                        ///< bytes; 0: the kernel's default, for an existing device: as is
  base::MacAddress mac{};
  bool learning = false;
  bool gbp = false;  ///< group policy extension
  bool operator==(const VxlanSpec&) const = default;
};

/// The link that has the name of a device.
struct VxlanState {
  Link link;
  std::optional<VxlanSpec> actual{};  ///< nullopt: a link of another kind
  bool other_mode = false;  ///< multicast group, metadata or answering for others: no device of ours
};

/// nullopt when there is no link of that name.
std::optional<VxlanState> find_vxlan(NetlinkSocket& socket, const std::string& name);

/// Why the device has to be replaced to become like `spec`; nullopt if it can be changed in place. Pure.
std::optional<std::string> incompatibility(const VxlanState& state, const VxlanSpec& spec);

struct EnsuredVxlan {
  Link link;
  unsigned writes = 0;                     ///< requests that changed something
  bool created = false;                    ///< also when it was replaced: nothing that was on it is left
  std::optional<std::string> replaced;     ///< why the link that had the name before was removed
  std::optional<std::string> mtu_failure;  ///< the device serves, but with another MTU than wanted
};

/// Makes the device like `spec`: in place where the kernel can do so (addresses, lower link, learning, MTU),
/// else by a new device in place of the link that has the name. It may still be down. Throws NetlinkError.
EnsuredVxlan ensure_vxlan(NetlinkSocket& socket, const VxlanSpec& spec);

}  // namespace netlink
