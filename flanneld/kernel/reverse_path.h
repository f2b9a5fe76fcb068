// Strict reverse-path filtering (rp_filter) drops a packet that comes in by another link than the way back to
// its source goes, without a word.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

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

/// For a node without a subnet: its tunnel device has no address, so pods answer to an address of another
/// link, past the tunnel, and the way back to them is the tunnel. nullopt: no answer is certain to be lost.
/// Throws NetlinkError.
std::optional<LostAnswers> find_lost_answers(netlink::NetlinkSocket& socket);

}  // namespace flanneld
