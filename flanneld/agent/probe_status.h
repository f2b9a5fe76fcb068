// What the probes of peers tell, as JSON and metrics. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/json/json.h"
#include "flanneld/probe/prober.h"

namespace flanneld {

/// One entry for each family by which the peer is asked; `mtu` is that of the pods' packets.
json::OrderedValue probes_json(const ProbeResults& results, const LeaseKey& peer, uint32_t mtu,
                               std::chrono::sys_seconds now);

/// All paths together in the text format of Prometheus, and by name only those in trouble: a series for each
/// pair of nodes would be too many.
std::string probe_metrics(const ProbeResults& results, const ProbeCounters& counters);

}  // namespace flanneld
