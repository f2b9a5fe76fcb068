// What a notification of the kernel means to the reconciler. Pure.
#pragma once

#include <cstdint>

#include "common/netlink/monitor.h"
#include "flanneld/backend/plan.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/host_links.h"
#include "flanneld/kernel/links.h"

namespace flanneld {

enum class Meaning : uint8_t {
  none,
  drift,  ///< a desired object may be gone or different
  host,   ///< a link, an address or a route of the host has changed
  both,
};

/// Judges one notification by the desired state. Echoes of own requests, which agree with it, and changes of
/// pods' links mean nothing. `host` is brought up to date.
Meaning judge(const netlink::Change& change, const DesiredState& desired, const NodePlan& plan,
              const LinkIndexes& links, HostLinks& host);

inline bool means_drift(Meaning meaning) { return meaning == Meaning::drift || meaning == Meaning::both; }
inline bool means_host(Meaning meaning) { return meaning == Meaning::host || meaning == Meaning::both; }

}  // namespace flanneld
