// subnet.env: what flanneld tells the plugin about this node. flanneld writes it, `flannel` reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"

namespace flannel {

inline constexpr const char* kDefaultSubnetFile = "/run/flannel/subnet.env";

struct SubnetEnv {
  std::vector<base::IpNet> networks;       ///< FLANNEL_NETWORK: the cluster's IPv4 networks
  std::vector<base::IpNet> ipv6_networks;  ///< FLANNEL_IPV6_NETWORK
  std::optional<base::IpNet> subnet;       ///< FLANNEL_SUBNET: the bridge's address in this node's subnet
  std::optional<base::IpNet> ipv6_subnet;  ///< FLANNEL_IPV6_SUBNET
  bool ipv6_first = false;                 ///< that line stands before FLANNEL_SUBNET
  uint32_t mtu = 0;                        ///< FLANNEL_MTU, bytes
  bool ip_masq = false;                    ///< FLANNEL_IPMASQ: flanneld masquerades, the plugin need not

  bool operator==(const SubnetEnv&) const = default;

  /// Reads the file's lines. Unknown keys, comments and blank lines are skipped, a later line wins.
  /// Throws base::ParseError naming the line, or all the keys that are missing; `path` is for the text.
  static SubnetEnv parse(std::string_view text, const std::string& path);

  /// The file as upstream flanneld writes it; parse(format()) gives the same value.
  [[nodiscard]] std::string format() const;
};

}  // namespace flannel
