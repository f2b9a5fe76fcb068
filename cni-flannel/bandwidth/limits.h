// How fast a pod may send and receive: what the configuration says, and what the kernel is told. Pure.
// Contract: the reference's plugins/meta/bandwidth.
#pragma once

#include <cstdint>
#include <string>

#include "common/cni/request.h"
#include "common/netlink/traffic_control.h"

namespace flannel::bandwidth {

/// Of one direction.
struct Limit {
  uint64_t rate = 0;   ///< bits per second; 0: none
  uint64_t burst = 0;  ///< bits
  [[nodiscard]] bool is_set() const { return rate != 0; }
};

struct Limits {
  Limit ingress;  ///< what the pod receives
  Limit egress;   ///< what it sends
  [[nodiscard]] bool any() const { return ingress.is_set() || egress.is_set(); }
};

/// The keys at the top of the configuration, if one of them is there; else those in
/// `runtimeConfig.bandwidth`. Throws cni::Error.
Limits parse_limits(const cni::Request& request);
/// Those in `runtimeConfig.bandwidth` alone.
Limits parse_runtime_limits(const cni::Request& request);

/// The reference's numbers, but for what it lets overflow.
netlink::TokenBucket make_token_bucket(const Limit& limit);

/// The name of the IFB of an attachment, as the reference has it.
std::string ifb_name(const std::string& network, const std::string& container_id);
std::string ifb_name(const cni::Request& request);
/// How all such names begin.
inline constexpr const char* kIfbPrefix = "bwp";

}  // namespace flannel::bandwidth
