// IPv4 in IPv4 tunnels whose packets go where their route's gateway is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

struct IpipSpec {
  std::string name;
  base::IpAddress local;  ///< the outer source address; what comes for another one is not this device's
  uint32_t mtu = 0;       ///< bytes
};

/// The link that has the name of a device.
struct IpipState {
  Link link;
  bool is_ipip = false;
  std::optional<base::IpAddress> local = {}, remote = {};
};

/// nullopt when there is no link of that name.
std::optional<IpipState> find_ipip(NetlinkSocket& socket, const std::string& name);

/// Why the device has to be replaced to become like `spec`; nullopt if it can be used. Pure.
std::optional<std::string> incompatibility(const IpipState& state, const IpipSpec& spec);

struct EnsuredIpip {
  Link link;
  unsigned writes = 0;                  ///< requests that changed something
  std::optional<std::string> replaced;  ///< why the link that had the name before was removed
};

/// Makes the device like `spec`, by a new one where it differs in more than its MTU. It may still be down.
/// Throws NetlinkError, with EOPNOTSUPP where the kernel has no such devices.
EnsuredIpip ensure_ipip(NetlinkSocket& socket, const IpipSpec& spec);

}  // namespace netlink
