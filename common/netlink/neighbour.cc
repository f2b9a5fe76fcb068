#include "common/netlink/neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "common/netlink/object.h"

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

}  // namespace

Message put_neighbour_request(const Neighbour& neighbour) {
  return neighbour_request(neighbour, NUD_PERMANENT, NLM_F_CREATE | NLM_F_REPLACE);
}

Message remove_neighbour_request(const Neighbour& neighbour) {
  return build(rtnl_neigh_build_delete_request, neighbour_object(neighbour, NUD_PERMANENT));
}

Message correct_neighbour_request(const Neighbour& neighbour) {
  return neighbour_request(neighbour, NUD_STALE, NLM_F_REPLACE);
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
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(base::af(family));
  Message query(RTM_GETNEIGH, 0);
  query.header(header).put_u32(NDA_IFINDEX, static_cast<uint32_t>(ifindex));
  auto neighbours = socket.list(query, "list the neighbours of a link", parse_neighbour);
  std::erase_if(neighbours, [&](const Neighbour& one) {  // old kernels do not filter
    return one.ifindex != ifindex || one.address.family() != family;
  });
  return neighbours;
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
