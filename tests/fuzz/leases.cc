// Leases of other nodes: a line with the key, one with the value, and so on. What is accepted goes as far as
// the plan of kernel objects.
#include "flanneld/lease/lease.h"

#include <string>

#include "common/base/error.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/vxlan_lease_data.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/peers/peer_set.h"
#include "tests/fuzz/decoders.h"

namespace {

using base::IpAddress;
using base::IpNet;
using flanneld::Lease;
using flanneld::LeaseAttributes;
using flanneld::LeaseKey;

struct Node {
  Node() {
    external.ifindex = 2;
    external.name = "eth0";
    external.mtu = 1500;
    external.ipv4 = external.public_ipv4 = IpAddress::parse("192.0.2.1");
    external.ipv6 = external.public_ipv6 = IpAddress::parse("2001:db8::1");
    own.key = *LeaseKey::parse("10.244.1.0-24&fd00:10:0:1::-64");
    backend = flanneld::make_backend({config, external, {}, {{*IpNet::parse("192.0.0.0/8"), false}}});
    own.attributes = backend->attributes();
  }
  flanneld::NetworkConfig config = flanneld::NetworkConfig::parse(
      R"({"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48",)"
      R"("Backend":{"Type":"vxlan","DirectRouting":true}})");
  flanneld::ExternalInterface external;
  std::shared_ptr<const flanneld::Backend> backend;
  Lease own;
};

/// No peer's route may lead packets astray that are not its own.
void check(const Node& node, const flanneld::PeerPlan& plan) {
  for (const flanneld::PlannedRoute& route : plan.routes) {
    const auto& network = node.config.of(route.dst.address.family())->network;
    fuzz::promise(network.contains(route.dst.address) && network.prefix < route.dst.prefix,
                  "a route is a part of the network");
    fuzz::promise(!route.dst.overlaps(*node.own.key.of(route.dst.address.family())),
                  "no route hides our own subnet");
  }
  for (const flanneld::PlannedNeighbour& neighbour : plan.neighbours)
    fuzz::promise((neighbour.mac.bytes[0] & 1) == 0, "a neighbour has a device's address");
  for (const flanneld::PlannedFdbEntry& entry : plan.fdb)
    fuzz::promise(!entry.dst.is_multicast() && !entry.dst.is_loopback() && !entry.dst.is_unspecified(),
                  "packets go to a node");
}

/// No two nodes may have one subnet.
void check_apart(const flanneld::PeerSet& peers) {
  std::vector<std::pair<IpNet, IpAddress>> subnets;
  for (const auto& [key, plan] : peers.plans())
    if (key.subnet) subnets.emplace_back(*key.subnet, peers.leases().at(key).attributes.public_ip);
  for (const auto& [subnet, node] : subnets)
    for (const auto& [other, its_node] : subnets)
      fuzz::promise(node == its_node || !subnet.overlaps(other), "no two nodes have one subnet");
}

std::optional<Lease> decode(std::string_view name, std::string_view value) {
  const auto key = LeaseKey::parse(name);
  if (!key) return std::nullopt;
  fuzz::promise(LeaseKey::parse(key->format()) == key, "a key that was written reads the same");
  try {
    const auto attributes = LeaseAttributes::parse(value);
    fuzz::promise(LeaseAttributes::parse(attributes.format()) == attributes,
                  "attributes that were written read the same");
    return Lease{*key, attributes, std::nullopt};
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

void decode_data(std::string_view text) {
  try {
    const auto data = flanneld::VxlanLeaseData::parse(text);
    fuzz::promise(flanneld::VxlanLeaseData::parse(data.format()) == data,
                  "data that were written read the same");
  } catch (const base::ParseError&) {
  }
}

}  // namespace

void fuzz::leases(std::string_view input) {
  static const Node node;
  flanneld::PeerSet peers;
  peers.use(node.config, node.backend, node.own);
  std::vector<flanneld::LeaseEvent> events;
  for (int i = 0; i < 16 && !input.empty(); ++i) {
    std::string_view name = cut(input, '\n');
    const std::string_view value = cut(input, '\n');
    const bool is_removed = name.starts_with('!');
    if (is_removed) name.remove_prefix(1);
    decode_data(value);
    const auto lease = decode(name, value);
    if (lease)
      events.push_back(
          {is_removed ? flanneld::LeaseEvent::Kind::removed : flanneld::LeaseEvent::Kind::put, *lease});
  }
  for (const flanneld::LeaseEvent& event : events) peers.apply({event});
  for (const auto& [key, peer] : peers.plans()) check(node, *peer.plan);
  check_apart(peers);
}
