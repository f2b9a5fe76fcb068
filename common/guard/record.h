// What the kernel has on record about the pods of a bridge. For the files of this room.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/link.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/socket.h"

namespace guard {

class Record {
 public:
  /// Reads the bridge's table, and the neighbour entries and addresses of `gateway`.
  Record(netlink::NetlinkSocket& host, const netlink::Link& bridge, const netlink::Link& gateway);

  /// The MAC of the fixed entry to a port.
  [[nodiscard]] std::optional<base::MacAddress> fixed_mac_of(int port) const;
  /// The addresses of the permanent neighbour entries with that MAC.
  [[nodiscard]] std::vector<base::IpAddress> addresses_of(const base::MacAddress& mac) const;
  /// Whether an address has a permanent neighbour entry with another MAC.
  [[nodiscard]] bool is_of_another(const base::IpAddress& address, const base::MacAddress& mac) const;
  /// Whether the node itself has the address, on the bridge or as the gateway.
  [[nodiscard]] bool is_of_host(const base::IpAddress& address) const { return own_.contains(address); }
  /// How many MACs but `mac` the bridge has learned from a port.
  [[nodiscard]] size_t learned_beside(int port, const base::MacAddress& mac) const;
  /// Whether the MAC is the bridge's or the gateway's, or fixed to another port.
  [[nodiscard]] bool is_taken(const base::MacAddress& mac, int port) const;

 private:
  std::vector<base::MacAddress> macs_;  ///< of bridge and gateway
  std::map<int, base::MacAddress> fixed_;
  std::map<int, std::vector<base::MacAddress>> learned_;
  std::vector<netlink::Neighbour> neighbours_;
  std::set<base::IpAddress> own_;
};

}  // namespace guard
