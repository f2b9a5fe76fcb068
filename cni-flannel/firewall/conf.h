// What `firewall` is asked for. Contract: the reference's plugins/meta/firewall. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel::firewall {

enum class Backend { automatic, iptables, firewalld };

/// Who may open connections to a pod: everybody, the pods of its bridge and the node, or the node alone.
enum class IngressPolicy { open, same_bridge, isolated };

struct Conf {
  Backend backend = Backend::automatic;
  IngressPolicy policy = IngressPolicy::open;
  std::string zone;         ///< of firewalld, that lets pods' packets pass
  std::string admin_chain;  ///< where the operator's own rules go before those of the pods
};

/// Throws cni::Error(invalid_config) or base::ParseError that names the key.
Conf parse_conf(const cni::Request& request);

/// The pod's addresses: all of prevResult.
std::vector<base::IpAddress> addresses_of(const cni::Result& result);

/// The bridge that a policy is about, the first interface of prevResult. Throws cni::Error(invalid_config) if
/// none is there.
std::string bridge_of(const cni::Result& result);

}  // namespace flannel::firewall
