#include "flanneld/agent/uplink.h"

#include <vector>

#include "flanneld/kernel/node_facts.h"
#include "flanneld/options/interface_request.h"

namespace flanneld {
namespace {

/// The addresses by which the peers know the node since an earlier run.
std::vector<base::IpAddress> known_addresses(netlink::NetlinkSocket& socket, const SavedLeases& saved) {
  std::vector<base::IpAddress> known = sent_from(read_devices(socket));
  if (const auto& last = saved.waiting()) {
    const LeaseAttributes& published = last->own.attributes;
    known.push_back(published.public_ip);
    if (published.public_ipv6) known.push_back(*published.public_ipv6);
  }
  return known;
}

}  // namespace

InterfaceChoice choose_uplink(netlink::NetlinkSocket& socket, const NodeState& state, const Options& options,
                              const SavedLeases& saved) {
  InterfaceRequest request = interface_request(options);
  request.ipv4 = state.config->ipv4.has_value();
  request.ipv6 = state.config->ipv6.has_value();
  for (const base::Family family : base::kFamilies)
    if (const auto& network = state.config->of(family)) request.pod_networks.push_back(*network);
  request.in_use = state.external;
  if (state.node.public_ip) request.public_ip = state.node.public_ip;
  if (state.node.public_ipv6) request.public_ipv6 = state.node.public_ipv6;
  request.node_addresses = state.node.addresses;
  if (!state.external) request.known = known_addresses(socket, saved);
  return choose_external_interface(read_node_network(socket), request);
}

bool is_same(const ExternalInterface& a, const ExternalInterface& b) {
  return a.ifindex == b.ifindex && a.name == b.name && a.mtu == b.mtu && a.ipv4 == b.ipv4 &&
         a.ipv6 == b.ipv6 && a.public_ipv4 == b.public_ipv4 && a.public_ipv6 == b.public_ipv6;
}

}  // namespace flanneld
