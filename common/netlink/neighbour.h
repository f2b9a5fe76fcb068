// Permanent neighbour entries (ARP, NDP) and forwarding entries (FDB) of VXLAN devices and bridges, as
// requests to be sent many at a time. Knows no link's name.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/socket.h"

namespace netlink {

struct Neighbour {
  int ifindex = 0;
  base::IpAddress address;
  base::MacAddress mac;
  bool permanent = true;  ///< NUD_PERMANENT; false: the kernel's own, in whatever state
  bool operator==(const Neighbour&) const = default;
};

/// An entry of the device's own table (NTF_SELF): frames to `mac` go to the node at `dst`.
struct FdbEntry {
  int ifindex = 0;
  base::MacAddress mac;
  std::optional<base::IpAddress> dst;  ///< nullopt: by another rule than a plain address
  bool permanent = true;               ///< false: learned, or with an age
  bool operator==(const FdbEntry&) const = default;
};

/// An entry of a bridge: frames to `mac` leave by the port.
struct PortEntry {
  enum class Kind : uint8_t { learned, fixed, own };  ///< own: the port's own address
  int port = 0;                                       ///< its ifindex
  base::MacAddress mac;
  Kind kind = Kind::learned;
  bool operator==(const PortEntry&) const = default;
};

/// This host answers on the link for an address that is somebody else's.
struct ProxyEntry {
  int ifindex = 0;
  base::IpAddress address;
  uint8_t protocol = 0;  ///< who wants it; 0: not told
  bool operator==(const ProxyEntry&) const = default;
};

/// Adds an entry, or gives the entry of that address another MAC.
Message put_neighbour_request(const Neighbour& neighbour);
Message remove_neighbour_request(const Neighbour& neighbour);
/// Removes those of the entries that are there.
void remove_neighbours(NetlinkSocket& socket, const std::vector<Neighbour>& neighbours);
/// For IPv6 the link's `proxy_ndp` has to be on, and the kernel answers wherever the address is.
Message put_proxy_request(const ProxyEntry& entry);
Message remove_proxy_request(int ifindex, const base::IpAddress& address);
/// The entries of one link and family.
std::vector<ProxyEntry> proxy_entries_of(NetlinkSocket& socket, int ifindex, base::Family family);

/// The entry of an address; nullopt when there is none.
std::optional<Neighbour> find_neighbour(NetlinkSocket& socket, int ifindex, const base::IpAddress& address);

/// Adds an entry, or replaces the (first) destination of the entry of that MAC.
Message put_fdb_request(const FdbEntry& entry);
/// Removes one destination of that MAC, and with the last one the entry.
Message remove_fdb_request(const FdbEntry& entry);

/// Adds a fixed entry for each VLAN that the port has, or moves those of that MAC to it.
Message put_port_entry_request(int port, const base::MacAddress& mac);
/// Removes the entries of that MAC to the port.
Message remove_port_entry_request(int port, const base::MacAddress& mac);
/// The entries of a bridge's ports; one of several VLANs comes as often.
std::vector<PortEntry> port_entries_of(NetlinkSocket& socket, int bridge);

/// The entries of one link and family; those without a hardware address have the MAC 00:00:00:00:00:00.
std::vector<Neighbour> neighbours_of(NetlinkSocket& socket, int ifindex, base::Family family);
/// The entries of one VXLAN device.
std::vector<FdbEntry> fdb_of(NetlinkSocket& socket, int ifindex);

/// Reads RTM_NEWNEIGH or RTM_DELNEIGH; nullopt when it tells of the other kind or of another family.
std::optional<Neighbour> parse_neighbour(const nlmsghdr* message);
std::optional<FdbEntry> parse_fdb(const nlmsghdr* message);

}  // namespace netlink
