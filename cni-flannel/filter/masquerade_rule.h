// What is masqueraded of one address of a container, as both backends write it.
#pragma once

#include <vector>

#include "common/base/ip.h"

namespace flannel {

struct MasqueradeRule {
  base::IpAddress source;
  std::vector<base::IpNet> unchanged;  ///< where packets keep their source address; none is within another
};

/// A rule for each of `addresses`, of the container's own interface. To the node's subnet and to `networks`,
/// those of the pods of all nodes, it goes under its own address: the reference spares only the subnet, and
/// pods of other nodes then see the node's address.
std::vector<MasqueradeRule> make_masquerade_rules(const std::vector<base::IpNet>& addresses,
                                                  const std::vector<base::IpNet>& networks);

}  // namespace flannel
