// Which ports of the node lead to a pod: what the configuration of `portmap` says. Pure.
// Contract: the reference's plugins/meta/portmap.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel::hostport {

struct Mapping {
  uint8_t protocol = 0;  ///< IPPROTO_TCP, _UDP or _SCTP
  uint16_t host_port = 0, container_port = 0;
  std::optional<base::IpAddress> host_ip;  ///< of the node; nullopt: each of them

  bool operator==(const Mapping&) const = default;
  /// "tcp port 8080", or "tcp port 8080 of 192.0.2.1".
  [[nodiscard]] std::string str() const;
};

/// A test that a packet must pass to be led to a pod.
struct Condition {
  enum class Kind { source, destination, input_interface };
  Kind kind = Kind::source;
  bool is = true;  ///< false: it must not
  base::IpNet net;
  std::string interface;
  bool is_prefix = false;  ///< `interface` is how the name begins
  bool operator==(const Condition&) const = default;
};

struct Conf {
  std::vector<Mapping> mappings;
  bool snat = true;       ///< the pod reaches itself so, and the node by 127.0.0.1
  bool masq_all = false;  ///< the pod sees no client's address, but the node's
  std::vector<Condition> conditions_v4, conditions_v6;

  [[nodiscard]] const std::vector<Condition>& conditions(base::Family family) const {
    return family == base::Family::v4 ? conditions_v4 : conditions_v6;
  }
  /// Those for an address of the pod of that family.
  [[nodiscard]] std::vector<Mapping> mappings_for(base::Family family) const;
};

/// Throws cni::Error for what cannot be: each bad value is named.
Conf parse_conf(const cni::Request& request);

/// The pod's first address of each family in prevResult, of the interface that the request is about.
std::vector<base::IpAddress> pod_addresses(const cni::Request& request, const cni::Result& result);

}  // namespace flannel::hostport
