// Which node has which pods, for packets: where one is sent to, and whether one that comes in may come from
// there. Made once and then only read, by any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/ip.h"

namespace flanneld {

struct UdpPeer {
  base::IpNet subnet;       ///< of its pods, IPv4; no two overlap
  base::IpAddress address;  ///< IPv4
  bool operator==(const UdpPeer&) const = default;
};

class PeerTable {
 public:
  PeerTable() = default;
  /// `network` holds all pods of the cluster. From `sources` packets of any pod may come.
  PeerTable(const std::vector<UdpPeer>& peers, const base::IpNet& network,
            const std::vector<base::IpNet>& sources);

  // Addresses are numbers, as in Ipv4Header.

  /// The address of the node that has the pod; nullopt: none.
  [[nodiscard]] std::optional<uint32_t> find_node(uint32_t pod) const;

  enum class Verdict : uint8_t {
    pass,
    stranger,  ///< no node has that address
    forged,    ///< the packet's source is not that node's
  };
  /// Judges a packet with the source `source` that came from the address `sender`. A pod's address is only
  /// taken from the pod's node, one outside the pod network from any node.
  [[nodiscard]] Verdict judge(uint32_t sender, uint32_t source) const;

 private:
  struct Range {
    uint32_t first = 0, last = 0;
    uint32_t node = 0;
  };
  [[nodiscard]] const Range* find(const std::vector<Range>& ranges, uint32_t address) const;

  std::vector<Range> subnets_;   ///< in order
  std::vector<uint32_t> nodes_;  ///< in order
  std::vector<Range> sources_;
  Range network_;
};

}  // namespace flanneld
