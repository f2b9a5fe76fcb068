// Which packet filter rules a node needs, as data that both engines write. Pure; knows neither engine.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/flannel/names.h"
#include "flanneld/traffic/traffic_spec.h"

namespace flanneld {

/// Programs without privileges send from this port or one above it.
inline constexpr uint16_t kFirstUserPort = 1024;

/// kube-proxy's mark on packets that it will masquerade itself.
inline constexpr uint32_t kKubeMasqueradeMark = 0x4000;

// Upstream's comments and chains in iptables' tables.
inline constexpr const char* kMasqueradeComment = "flanneld masq";
inline constexpr const char* kForwardComment = "flanneld forward";
inline constexpr const char* kIptablesNatChain = "FLANNEL-POSTRTG";
inline constexpr const char* kIptablesForwardChain = "FLANNEL-FWD";
// Ours alone.
inline constexpr const char* kTunnelComment = "flanneld tunnel";
inline constexpr const char* kSourceComment = "flanneld sources";

/// One of flannel's chains in iptables' tables, and the built-in chain that jumps to it.
struct IptablesPlace {
  const char *table, *chain, *built_in, *comment;
};
inline constexpr IptablesPlace kNatPlace{"nat", kIptablesNatChain, "POSTROUTING", kMasqueradeComment};
inline constexpr IptablesPlace kForwardPlace{"filter", kIptablesForwardChain, "FORWARD", kForwardComment};
// Table mangle comes before filter, where other programs accept packets.
inline constexpr IptablesPlace kTunnelInputPlace{"mangle", "FLANNEL-TUNNEL-IN", "INPUT", kTunnelComment};
inline constexpr IptablesPlace kTunnelForwardPlace{"mangle", "FLANNEL-TUNNEL-FWD", "FORWARD", kTunnelComment};
// Before a port is mapped, and before a connection is remembered for good.
inline constexpr IptablesPlace kSourcePlace{"mangle", "FLANNEL-SOURCES", "PREROUTING", kSourceComment};
inline constexpr std::array kIptablesPlaces{kNatPlace, kSourcePlace, kTunnelInputPlace, kTunnelForwardPlace,
                                            kForwardPlace};

/// The set of the nodes' addresses in our table of nf_tables.
inline constexpr const char* kNodeSet = "nodes";

/// The bridge that pods are on if their network names no other.
using flannel::kPodBridge;

enum class TrafficAction : uint8_t { return_, accept, masquerade, drop };

/// Addresses inside a network, or outside it.
struct AddressMatch {
  base::IpNet net;
  bool is_within = true;
  bool operator==(const AddressMatch&) const = default;
};

/// Matches packets that meet all the given conditions.
struct TrafficRule {
  bool kube_mark = false;  ///< has kube-proxy's mark
  std::optional<AddressMatch> source = {}, destination = {};
  TrafficAction action = TrafficAction::return_;
  std::string input_link = {};   ///< empty: any
  bool is_by_input_link = true;  ///< comes in by that link; false: by any other
  uint16_t udp_port = 0;         ///< UDP to this port; 0: any packet
  bool is_ipip = false;          ///< IPv4 in IPv4, protocol 4
  bool by_server = false;        ///< UDP from a port below 1024, as servers answer
  bool by_node = false;          ///< from a node that holds a lease; by the engine that knows them
  bool operator==(const TrafficRule&) const = default;
};

/// The rules of one family, in order.
struct TrafficPlan {
  base::Family family = base::Family::v4;
  base::IpNet network;
  std::vector<TrafficRule> nat;      ///< for packets that leave the node; empty: nothing is masqueraded
  std::vector<TrafficRule> forward;  ///< for packets that pass through the node
  /// Against pods' and strangers' packets with addresses that they cannot have, as they come in.
  std::vector<TrafficRule> sources;
  /// Against forged tunnel packets: to the node itself, and through it to another.
  std::vector<TrafficRule> tunnel_input, tunnel_forward;
  std::vector<Tunnel> tunnels = {};
  bool fully_random = true;
  RuleOwner owner = {};
  /// Rules that masquerade or drop, and stand where upstream does not clean up, have no effect from then on;
  /// nullopt: they always have.
  std::optional<std::chrono::sys_seconds> until = {};
  bool operator==(const TrafficPlan&) const = default;
  [[nodiscard]] bool empty() const {
    return nat.empty() && forward.empty() && sources.empty() && tunnel_input.empty() &&
           tunnel_forward.empty();
  }
};

/// When rules that are written now are to end: after 24 hours, as a lease does, or some hours more, so that
/// they need not be written again soon.
std::chrono::sys_seconds rules_end(std::chrono::sys_seconds now);

/// One plan per family of the spec, even if it has no rules.
std::vector<TrafficPlan> plan_traffic(const TrafficSpec& spec);

/// The plan of a family; without rules if the family is not enabled: then those that there are must go.
TrafficPlan plan_or_nothing(const std::vector<TrafficPlan>& plans, const RuleOwner& owner,
                            base::Family family);

/// True if pods' packets are to be let through.
bool forwards(const std::vector<TrafficPlan>& plans);

/// The plan of a family; nullptr if the family is not enabled.
const TrafficPlan* plan_of(const std::vector<TrafficPlan>& plans, base::Family family);

}  // namespace flanneld
