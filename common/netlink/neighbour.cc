#include "common/netlink/neighbour.h"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "common/netlink/object.h"
#include "common/netlink/steps.h"

namespace netlink {
namespace {

NeighbourObject neighbour_object(const Neighbour& neighbour, int state) {
  auto object = own<NeighbourObject>(rtnl_neigh_alloc());
  rtnl_neigh_set_ifindex(object.get(), neighbour.ifindex);
  rtnl_neigh_set_state(object.get(), state);
  check(rtnl_neigh_set_dst(object.get(), to_nl(neighbour.address).get()));
  return object;
}

Message neighbour_request(const Neighbour& neighbour, int state, int flags) {
  const NeighbourObject object = neighbour_object(neighbour, state);
  rtnl_neigh_set_lladdr(object.get(), to_nl(neighbour.mac).get());
  return build(rtnl_neigh_build_add_request, object, flags);
}

NeighbourObject fdb_object(const FdbEntry& entry) {
  auto object = own<NeighbourObject>(rtnl_neigh_alloc());
  rtnl_neigh_set_ifindex(object.get(), entry.ifindex);
  rtnl_neigh_set_state(object.get(), NUD_PERMANENT);
  rtnl_neigh_set_flags(object.get(), NTF_SELF);
  rtnl_neigh_set_lladdr(object.get(), to_nl(entry.mac).get());
  if (entry.dst) check(rtnl_neigh_set_dst(object.get(), to_nl(*entry.dst).get()));
  rtnl_neigh_set_family(object.get(), AF_BRIDGE);  // last: libnl takes no IP address for a bridge's
  return object;
}

std::optional<PortEntry> parse_port_entry(const nlmsghdr* message) {
  const auto object = parse<NeighbourObject>(message);
  if (!object || rtnl_neigh_get_family(object.get()) != AF_BRIDGE) return std::nullopt;
  const auto mac = to_mac(rtnl_neigh_get_lladdr(object.get()));
  if (!mac || !Attributes::of(message, sizeof(ndmsg)).find(NDA_MASTER)) return std::nullopt;
  const int state = rtnl_neigh_get_state(object.get());
  return PortEntry{.port = rtnl_neigh_get_ifindex(object.get()),
                   .mac = *mac,
                   .kind = (state & NUD_PERMANENT) != 0 ? PortEntry::Kind::own
                           : (state & NUD_NOARP) != 0   ? PortEntry::Kind::fixed
                                                        : PortEntry::Kind::learned};
}

Message proxy_request(int type, int flags, int ifindex, const base::IpAddress& address) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(address.af());
  header.ndm_ifindex = ifindex;
  header.ndm_flags = NTF_PROXY;
  Message request(type, flags);
  request.header(header).put(NDA_DST, address.data(), address.size());
  return request;
}

std::optional<ProxyEntry> parse_proxy_entry(const nlmsghdr* message) {
  const auto* entry = static_cast<const ndmsg*>(nlmsg_data(message));
  const Attributes attributes = Attributes::of(message, sizeof(ndmsg));
  const std::string_view bytes = attributes.bytes(NDA_DST);
  const auto address = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  if ((entry->ndm_flags & NTF_PROXY) == 0 || !address) return std::nullopt;
  return ProxyEntry{entry->ndm_ifindex, *address, attributes.u8(NDA_PROTOCOL)};
}

/// The entries of one link and family; with NTF_PROXY among the flags those that it answers for.
template <class Entry, class Parse>
std::vector<Entry> entries_of(NetlinkSocket& socket, int ifindex, base::Family family, uint8_t flags,
                              const char* doing, Parse parse) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(base::af(family));
  header.ndm_flags = flags;
  Message query(RTM_GETNEIGH, 0);
  query.header(header).put_u32(NDA_IFINDEX, static_cast<uint32_t>(ifindex));
  std::vector<Entry> entries = socket.list(query, doing, parse);
  std::erase_if(entries, [&](const Entry& one) {  // old kernels do not filter
    return one.ifindex != ifindex || one.address.family() != family;
  });
  return entries;
}

}  // namespace

Message put_neighbour_request(const Neighbour& neighbour) {
  return neighbour_request(neighbour, NUD_PERMANENT, NLM_F_CREATE | NLM_F_REPLACE);
}

Message remove_neighbour_request(const Neighbour& neighbour) {
  return build(rtnl_neigh_build_delete_request, neighbour_object(neighbour, NUD_PERMANENT));
}

void remove_neighbours(NetlinkSocket& socket, const std::vector<Neighbour>& neighbours) {
  Steps steps;
  for (const Neighbour& one : neighbours)
    steps.add(remove_neighbour_request(one), fmt::format("remove the neighbour entry of {}", one.address));
  steps.run(socket, ENOENT);
}

Message put_proxy_request(const ProxyEntry& entry) {
  Message request = proxy_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, entry.ifindex, entry.address);
  request.put_u8(NDA_PROTOCOL, entry.protocol);
  return request;
}

Message remove_proxy_request(int ifindex, const base::IpAddress& address) {
  return proxy_request(RTM_DELNEIGH, 0, ifindex, address);
}

std::vector<ProxyEntry> proxy_entries_of(NetlinkSocket& socket, int ifindex, base::Family family) {
  return entries_of<ProxyEntry>(socket, ifindex, family, NTF_PROXY,
                                "list the addresses that a link answers for", parse_proxy_entry);
}

std::optional<Neighbour> find_neighbour(NetlinkSocket& socket, int ifindex, const base::IpAddress& address) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(address.af());
  header.ndm_ifindex = ifindex;
  Message query(RTM_GETNEIGH, 0);
  query.header(header).put(NDA_DST, address.data(), address.size());
  std::optional<Neighbour> found;
  socket.get(query, fmt::format("look up the neighbour entry of {}", address),
             [&](const nlmsghdr* message) { found = parse_neighbour(message); });
  return found;
}

static Message port_entry_request(uint16_t type, int flags, int port, const base::MacAddress& mac) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = port;
  header.ndm_state = NUD_NOARP;  // a bridge's word for fixed; a permanent one is the bridge's own address
  header.ndm_flags = NTF_MASTER;
  Message message(type, flags);
  message.header(header).put(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  return message;
}

Message put_port_entry_request(int port, const base::MacAddress& mac) {
  return port_entry_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, port, mac);
}

Message remove_port_entry_request(int port, const base::MacAddress& mac) {
  return port_entry_request(RTM_DELNEIGH, 0, port, mac);
}

Message put_fdb_request(const FdbEntry& entry) {
  return build(rtnl_neigh_build_add_request, fdb_object(entry), NLM_F_CREATE | NLM_F_REPLACE);
}

Message remove_fdb_request(const FdbEntry& entry) {
  return build(rtnl_neigh_build_delete_request, fdb_object(entry));
}

std::optional<Neighbour> parse_neighbour(const nlmsghdr* message) {
  const auto object = parse<NeighbourObject>(message);
  if (!object || rtnl_neigh_get_family(object.get()) == AF_BRIDGE) return std::nullopt;
  const auto address = to_ip(rtnl_neigh_get_dst(object.get()));
  if (!address) return std::nullopt;
  const auto mac = to_mac(rtnl_neigh_get_lladdr(object.get()));
  return Neighbour{rtnl_neigh_get_ifindex(object.get()), *address, mac.value_or(base::MacAddress{}),
                   mac && (rtnl_neigh_get_state(object.get()) & NUD_PERMANENT) != 0};
}

std::optional<FdbEntry> parse_fdb(const nlmsghdr* message) {
  const auto object = parse<NeighbourObject>(message);
  if (!object || rtnl_neigh_get_family(object.get()) != AF_BRIDGE) return std::nullopt;
  const auto mac = to_mac(rtnl_neigh_get_lladdr(object.get()));
  if (!mac) return std::nullopt;
  FdbEntry entry{rtnl_neigh_get_ifindex(object.get()), *mac, to_ip(rtnl_neigh_get_dst(object.get())),
                 (rtnl_neigh_get_state(object.get()) & NUD_PERMANENT) != 0};
  // An entry with a port, VNI, link or nexthop of its own is not plain. libnl 3.7 reads none of these.
  const Attributes attributes = Attributes::of(message, sizeof(ndmsg));
  for (const int other : {NDA_PORT, NDA_VNI, NDA_IFINDEX, NDA_NH_ID})
    if (attributes.find(other)) entry.dst.reset();
  return entry;
}

std::vector<Neighbour> neighbours_of(NetlinkSocket& socket, int ifindex, base::Family family) {
  return entries_of<Neighbour>(socket, ifindex, family, 0, "list the neighbours of a link", parse_neighbour);
}

std::vector<PortEntry> port_entries_of(NetlinkSocket& socket, int bridge) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  Message query(RTM_GETNEIGH, 0);
  query.header(header).put_u32(NDA_MASTER, static_cast<uint32_t>(bridge));
  return socket.list(query, "list the forwarding entries of a bridge", parse_port_entry);
}

std::vector<FdbEntry> fdb_of(NetlinkSocket& socket, int ifindex) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = ifindex;
  Message query(RTM_GETNEIGH, 0);
  query.header(header);
  auto entries = socket.list(query, "list the forwarding entries of a link", parse_fdb);
  std::erase_if(entries, [&](const FdbEntry& entry) { return entry.ifindex != ifindex; });
  return entries;
}

}  // namespace netlink
