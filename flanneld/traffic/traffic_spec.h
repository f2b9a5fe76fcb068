// What the packet filter is asked for, and what it tells of itself. Pure data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// A tunnel between nodes: packets that the node receives for this device. Pods must not send them, and the
/// node takes them only where other nodes send them.
struct Tunnel {
  std::string link;
  uint16_t port = 0;                            ///< UDP; 0: protocol 4, IPv4 in IPv4
  std::vector<base::IpAddress> addresses = {};  ///< of this node, that the others send to; empty: any
  std::vector<std::string> uplinks = {};        ///< the links that their packets come in by; empty: any
  std::vector<base::IpNet> sources = {};        ///< of those that hold no lease and may send nevertheless
  bool knows_senders = false;  ///< the device drops what no other node has sent, from wherever it comes
  bool operator==(const Tunnel&) const = default;
};

/// One address family: the network of all pods of the cluster, and the subnet of this node's pods.
struct TrafficNetwork {
  base::IpNet network, subnet;
  std::vector<Tunnel> tunnels = {};  ///< each with a port of its own
  bool operator==(const TrafficNetwork&) const = default;
};

/// Which rules are this agent's, on a node that several networks share. The first to come has upstream's
/// names; where these hold another network's rules, an agent adds its suffix.
struct RuleOwner {
  std::vector<base::IpNet> networks;  ///< present and former ones; empty: all rules are this agent's
  std::string suffix = {};            ///< "-1a2b3c4d"; empty: rules of another network are replaced
  bool operator==(const RuleOwner&) const = default;
};

/// The owner of an agent's rules, known by its subnet file.
RuleOwner rule_owner(const std::string& subnet_file, std::vector<base::IpNet> networks);

/// Where the packets of this node's pods come in, and which sources they may have beside the node's subnet.
struct PodSide {
  std::string bridge;                      ///< empty: not known, and sources are not looked at
  std::vector<base::IpNet> networks = {};  ///< that the bridge has an address of
  std::vector<base::IpNet> sources = {};   ///< outside the network of all pods
  bool operator==(const PodSide&) const = default;
};

/// What has become of the addresses that other nodes send from. One may come while it is there, for two
/// leases may have it: it stays until it has gone as often as it came.
struct NodeChange {
  std::vector<base::IpAddress> gone, come;
  [[nodiscard]] bool empty() const { return gone.empty() && come.empty(); }
};

struct TrafficSpec {
  std::vector<TrafficNetwork> networks;  ///< one per enabled family
  PodSide pods = {};
  Families masquerade = {};                       ///< what pods send out of the network of all pods
  std::vector<base::IpNet> not_masqueraded = {};  ///< destinations that see the pods' own addresses
  bool fully_random = true;                       ///< choose the ports of masqueraded connections at random
  bool forward = true;                            ///< --iptables-forward-rules
  RuleOwner owner = {};
  bool operator==(const TrafficSpec&) const = default;
};

struct TrafficStatus {
  std::string engine;                  ///< "nftables" or "iptables"
  uint64_t restored = 0;               ///< how often another program's change was undone
  std::optional<std::string> failure;  ///< why the rules are not as desired
  /// Another program's rules drop packets that the forward rules accept: which chain, and what to do.
  std::optional<std::string> blocked;
  bool operator==(const TrafficStatus&) const = default;
};

}  // namespace flanneld
