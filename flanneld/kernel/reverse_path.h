// Strict reverse-path filtering (rp_filter) drops a packet that comes in by another link than the way back to
// its source goes, without a word.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flanneld {

/// Answers that do not come in.
struct LostAnswers {
  std::string link;     ///< which drops them
  std::string tunnel;   ///< by which this node reaches the pods
  size_t subnets = 0;   ///< whose pods' answers are lost
  bool by_all = false;  ///< it is net.ipv4.conf.all that is strict, not the link's own setting

  /// What is set, and what comes of it.
  [[nodiscard]] std::string finding() const;
  /// What to set.
  [[nodiscard]] std::string advice() const;
};

/// Packets of other nodes that do not come in.
struct LostSenders {
  std::string link;       ///< which drops them
  std::string way_back;   ///< the link that the way to the first of them leads through
  base::IpAddress first;  ///< of those that send
  size_t count = 0;       ///< how many do
  bool by_all = false;    ///< as in LostAnswers

  [[nodiscard]] std::string finding() const;
  [[nodiscard]] std::string advice() const;
};

/// Of nodes that send from these IPv4 addresses to one of `link`. nullopt: none is lost so. Throws
/// NetlinkError.
std::optional<LostSenders> find_lost_senders(netlink::NetlinkSocket& socket, const netlink::Link& link,
                                             const std::vector<base::IpAddress>& senders);

/// For a node without a subnet: its tunnel device has no address, so pods answer to an address of another
/// link, past the tunnel, and the way back to them is the tunnel. nullopt: no answer is certain to be lost.
/// Throws NetlinkError.
std::optional<LostAnswers> find_lost_answers(netlink::NetlinkSocket& socket);

}  // namespace flanneld
