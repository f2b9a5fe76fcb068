// What a notification of the kernel means to the reconciler. Pure.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/base/ip.h"
#include "common/netlink/monitor.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/actual_state.h"
#include "flanneld/kernel/desired_state.h"

namespace flanneld {

/// What is remembered of links that are not ours, to tell a change from a repetition.
struct HostLink {
  std::string name;
  uint32_t mtu = 0;
  bool up = false, running = false;
  bool operator==(const HostLink&) const = default;
};

struct HostMemory {
  std::map<int, HostLink> links;  ///< by ifindex: those on which routes are made, and devices' lower links
  std::set<std::pair<int, base::IpNet>> addresses;
};

struct Judgement {
  bool drift = false;  ///< something that is wanted may be gone or different
  bool host = false;   ///< a link, an address or a default route of the host has changed
};

/// Judges one notification by what is wanted now: echoes of own requests, which agree with it, and the
/// churn of pods' links mean nothing. `memory` is brought up to date.
Judgement judge(const netlink::Change& change, const WantedState& wanted, const NodePlan& plan,
                const LinkIndexes& links, HostMemory& memory);

/// How a link is remembered.
HostLink host_link(const netlink::Link& link);

}  // namespace flanneld
