// How many addresses of the node's subnet its pods hold: flannel-ipam's and host-local's leases, as the names
// of files say it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"

namespace flannel {

struct PodAddresses {
  base::IpNet subnet;
  uint64_t held = 0;
  uint64_t usable = 0;  ///< without the network's, the gateway's and IPv4's broadcast address

  [[nodiscard]] bool is_full() const { return held >= usable; }
};

inline constexpr const char* kLeaseDirectory = "/var/lib/cni/networks";

/// Counts the leases within that one of `subnets` which has the fewest addresses. nullopt when the directory
/// cannot be read, as by an agent in a container of its own, or there is no subnet.
std::optional<PodAddresses> count_pod_addresses(const std::vector<base::IpNet>& subnets,
                                                const std::string& directory = kLeaseDirectory);

}  // namespace flannel
