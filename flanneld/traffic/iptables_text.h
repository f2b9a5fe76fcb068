// The language of iptables-save and iptables-restore: reading what is there, and writing what turns it into
// what should be. Pure.
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

/// Table and chain, "nat" and "POSTROUTING", to what is in it. Only the chains of flannel and those that lead
/// to them are kept: a node may have ten thousands of others.
using IptablesSaved = std::map<std::string, std::map<std::string, IptablesChain>>;
IptablesSaved parse_iptables_save(std::string_view text);

/// Input for iptables-restore --noflush that makes the tables as planned; what is not planned goes. Empty
/// when nothing is to be done. nullptr plans nothing.
std::string iptables_changes(const IptablesSaved& saved, const TrafficPlan* plan);
/// Of the forward rules only.
std::string iptables_forward_changes(const IptablesSaved& saved, const TrafficPlan* plan);

}  // namespace flanneld
