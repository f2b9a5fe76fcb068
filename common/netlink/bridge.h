// Bridges and their ports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace netlink {

/// The kernel allows a bridge no more ports (BR_MAX_PORTS, less one).
inline constexpr size_t kMaxBridgePorts = 1023;

struct BridgeSpec {
  std::string name;
  uint32_t mtu = 0;  ///< bytes; 0: the kernel's default
  bool vlan_filtering = false;
  std::optional<base::MacAddress> mac = {};  ///< of a new one; nullopt: a random one
};

struct EnsuredBridge {
  Link link;
  bool created = false;
};
/// Finds or creates a bridge. A new one is up, and its hardware address does not change when ports come and
/// go. An existing one is brought up and gets vlan_filtering if asked for; its MTU stays. Throws
/// NetlinkError: EOPNOTSUPP when the kernel cannot filter VLANs, EEXIST when a link of another kind has the
/// name.
EnsuredBridge ensure_bridge(NetlinkSocket& socket, const BridgeSpec& spec);

/// Whose frames a port takes.
enum class PortMacs : uint8_t {
  any,   ///< of any hardware address; the bridge learns each, and sends the port what it does not know
  fixed  ///< of those that have a fixed entry (neighbour.h); nothing is learned, nothing unknown sent
};

struct PortOptions {
  bool hairpin = false;   ///< send frames back out of the port that they came in by
  bool isolated = false;  ///< no traffic between isolated ports
  PortMacs macs = PortMacs::any;
  bool refuses_bpdu = false;  ///< the spanning tree protocol, where it runs, closes it to who speaks that
  std::string alias;          ///< free text on the link, at most 255 bytes
};

/// Sets a port's options by one message.
void set_port_options(NetlinkSocket& socket, const std::string& port, const PortOptions& options);

/// Changes what a port takes and nothing else of it.
Message port_macs_request(int ifindex, PortMacs macs, bool refuses_bpdu);

struct Vlan {
  uint16_t first = 1, last = 1;  ///< 1..4094, inclusive
  bool pvid_untagged = false;    ///< the VLAN of untagged frames, both ways
};

/// Adds VLANs to a bridge port; first removes those that it has if `remove_default` is true.
void set_port_vlans(NetlinkSocket& socket, const Link& port, const std::vector<Vlan>& vlans,
                    bool remove_default);

}  // namespace netlink
