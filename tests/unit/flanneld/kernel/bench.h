// A node with two peers, and a kernel that holds exactly what they need: where the tests of the kernel room
// begin.
#pragma once

#include <memory>
#include <string>

#include "flanneld/kernel/actual_state.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/diff.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

constexpr int kVxlan = 7, kExternal = 2;

inline netlink::Route route(const std::string& dst, const std::string& gw, int ifindex, uint8_t protocol) {
  return {net(dst), ip(gw), ifindex, protocol};
}

/// A key whose bytes are all the same.
inline netlink::WireguardKey key_of(uint8_t byte) {
  netlink::WireguardKey key;
  key.fill(byte);
  return key;
}

/// A peer behind the tunnel.
inline flanneld::PeerPlan tunnel_peer(const std::string& subnet, const std::string& node, uint8_t last) {
  const base::IpNet dst = net(subnet);
  return {.routes = {{dst, dst.address, "flannel.1", true}},
          .neighbours = {{"flannel.1", dst.address, mac(last)}},
          .fdb = {{"flannel.1", mac(last), ip(node)}}};
}

/// A peer that is directly connected.
inline flanneld::PeerPlan direct_peer(const std::string& subnet, const std::string& node) {
  return {.routes = {{net(subnet), ip(node), "eth0", false}}, .neighbours = {}, .fdb = {}};
}

/// What leads from one set of plans to another.
inline flanneld::PlanChanges changes_between(const flanneld::PeerPlans& before,
                                             const flanneld::PeerPlans& now) {
  flanneld::PlanChanges changes;
  for (const auto& [lease, peer] : before)
    if (const auto found = now.find(lease); found == now.end() || found->second.plan != peer.plan)
      changes.push_back({peer.plan, found == now.end() ? flanneld::PlannedPeer{} : found->second});
  for (const auto& [lease, peer] : now)
    if (!before.contains(lease)) changes.push_back({nullptr, peer});
  return changes;
}

struct Bench {
  Bench() {
    flanneld::Device device;
    device.name = "flannel.1";
    device.mtu = 1450;
    device.mac = mac(1);
    device.address = net("10.5.1.0/32");
    device.network = net("10.5.0.0/16");
    plan.devices = {device};
    plan.route_links = {"flannel.1", "eth0"};
    plan.networks = {net("10.5.0.0/16")};
    plan.own_subnets = {net("10.5.1.0/24")};
    links.set("flannel.1", kVxlan);
    links.set("eth0", kExternal);
    put("10.5.2.0-24", tunnel_peer("10.5.2.0/24", "192.0.2.2", 2));
    put("10.5.3.0-24", tunnel_peer("10.5.3.0/24", "192.0.2.3", 3));
    take_over(diff());
  }

  /// Plans a peer, as the one that was published last.
  void put(const std::string& lease, flanneld::PeerPlan peer) {
    peers[key(lease)] = {std::make_shared<const flanneld::PeerPlan>(std::move(peer)), ++published};
  }
  void remove(const std::string& lease) { peers.erase(key(lease)); }

  [[nodiscard]] flanneld::DesiredState desired() const { return flanneld::DesiredState(peers); }
  [[nodiscard]] flanneld::KernelWrites diff() const {
    return flanneld::diff_kernel(desired(), plan, actual, links);
  }
  /// What is sent to the kernel when the peers were these before.
  [[nodiscard]] flanneld::KernelWrites diff_from(const flanneld::PeerPlans& before) const {
    flanneld::DesiredState state(before);
    const flanneld::DesiredChange change = state.take(changes_between(before, peers));
    return flanneld::diff_desired(change, state, plan, links);
  }
  /// Lets the kernel have what was put.
  void take_over(const flanneld::KernelWrites& writes) {
    const auto append = [](auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    append(actual.routes, writes.put_routes);
    append(actual.neighbours, writes.put_neighbours);
    append(actual.fdb, writes.put_fdb);
  }

  flanneld::PeerPlans peers;
  uint64_t published = 0;
  flanneld::NodePlan plan;
  flanneld::ActualState actual;
  flanneld::LinkIndexes links;
};

}  // namespace flanneld_test
