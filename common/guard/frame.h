// What a pod's port of the bridge lets through, as rules of nf_tables: a frame of rules that every pod
// shares, and sets that say which port has which addresses. Elements go by the port's index, which the kernel
// gives to no other link: one of a port that is gone matches nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace guard {

/// The table that holds it all: whoever watches nf_tables watches this one.
netfilter::NftTable table();

/// A pod's port and what the pod may send.
struct Port {
  int ifindex = 0;
  std::vector<base::IpAddress> sources;  ///< its addresses
  bool checks_sources = true;            ///< false: it may send from any address
  bool has_nested_macs = false;          ///< it may use the link-local IPv6 addresses of any MAC
};

/// fe80::/64 with the MAC in it (EUI-64), as the kernel gives it.
base::IpAddress link_local_of(const base::MacAddress& mac);

enum class Frame {
  present,    ///< the elements were added to it
  made,       ///< so were they, and the frame was made for that: ports that are there already need them too
  impossible  ///< this kernel has no nf_tables for bridges; nothing was changed
};
/// Lets each port send what it may, and nothing else from now on. Throws NetlinkError for another refusal.
Frame guard_ports(netlink::NetlinkSocket& nft, const std::vector<Port>& ports);

/// Makes the frame, or its rules anew where somebody changed them; elements stay. False: impossible.
bool ensure_frame(netlink::NetlinkSocket& nft);
/// True if all of its rules are there; elements() tells of the sets.
bool has_rules(netlink::NetlinkSocket& nft);
/// True if the frame is there with rules and sets.
bool has_frame(netlink::NetlinkSocket& nft);

/// True if this kernel could have the frame. Leaves nothing behind. Throws NetlinkError for another refusal.
bool can_have_frame(netlink::NetlinkSocket& nft);

/// Removes the elements of ports, as far as they are there. Whoever has removed elements waits when it ends
/// until the kernel has freed them, 15 ms and more, and all who do so wait one after the other.
void release_ports(netlink::NetlinkSocket& nft, const std::vector<Port>& ports);

/// To be called when a port of that name is gone. Its elements cost nothing but memory by then: they stay
/// until collect() takes them. One call in kGonePorts does that for all ports; which one follows from the
/// name.
void release_gone_port(netlink::NetlinkSocket& host, const std::string& name);
inline constexpr uint32_t kGonePorts = 64;  ///< about as many have elements left

/// What the sets hold, by port.
struct Elements {
  std::set<int> guarded;  ///< whose sources are checked
  std::set<int> nested;
  std::map<int, std::vector<base::IpAddress>> sources;
};
/// nullopt without the frame.
std::optional<Elements> elements(netlink::NetlinkSocket& nft);

/// Removes the elements of all ports for which there is no link.
void collect(netlink::NetlinkSocket& nft, netlink::NetlinkSocket& host);

}  // namespace guard
