// The language of iptables-save and iptables-restore: reads the actual rules, and writes what turns them into
// the desired ones. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {

struct IptablesChain {
  std::string policy;              ///< "ACCEPT", "DROP"; "-" for a chain that is not built in
  std::vector<std::string> rules;  ///< "-A CHAIN …" as printed
};

/// Chains by table and name, such as "nat" and "POSTROUTING". Holds only flannel's chains and those that jump
/// to them: a node may have tens of thousands of others.
using IptablesSaved = std::map<std::string, std::map<std::string, IptablesChain>>;
IptablesSaved parse_iptables_save(std::string_view text);

/// Input for iptables-restore --noflush that makes the owner's chains as planned and removes those that are
/// not planned. Another owner's stay. Empty if nothing is to be done.
std::string iptables_changes(const IptablesSaved& saved, const TrafficPlan& plan);
/// Likewise, for the forward rules alone.
std::string iptables_forward_changes(const IptablesSaved& saved, const TrafficPlan& plan);

}  // namespace flanneld
