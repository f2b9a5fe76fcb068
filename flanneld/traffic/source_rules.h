// Which packets cannot be honest by their addresses, whoever they are for. Pure.
#pragma once

#include <vector>

#include "flanneld/traffic/traffic_plan.h"
#include "flanneld/traffic/traffic_spec.h"

namespace flanneld {

/// For packets as they come in, in this order: the node's loopback addresses are on no network, whatever
/// route_localnet says; pods send from the node's own subnet, never as pods of other nodes, from the sources
/// that they were allowed, and what IPv6 needs on a link.
std::vector<TrafficRule> source_rules(const TrafficNetwork& family, const PodSide& pods);

}  // namespace flanneld
