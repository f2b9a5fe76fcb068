#include "common/netlink/neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

namespace netlink {
namespace {

Message neighbour_message(int type, int flags, uint16_t state, int family, int ifindex,
                          uint8_t neighbour_flags) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(family);
  header.ndm_ifindex = ifindex;
  header.ndm_state = state;
  header.ndm_flags = neighbour_flags;
  header.ndm_type = RTN_UNICAST;
  Message message(type, flags);
  message.header(header);
  return message;
}

Message fdb_message(int type, int flags, const FdbEntry& entry) {
  Message message = neighbour_message(type, flags, NUD_PERMANENT, AF_BRIDGE, entry.ifindex, NTF_SELF);
  message.put(NDA_LLADDR, entry.mac.bytes.data(), entry.mac.bytes.size());
  if (entry.dst) message.put(NDA_DST, entry.dst->data(), entry.dst->size());
  return message;
}

std::optional<base::MacAddress> mac_in(const Attributes& attributes) {
  base::MacAddress mac;
  const auto bytes = attributes.bytes(NDA_LLADDR);
  if (bytes.size() != mac.bytes.size()) return std::nullopt;
  std::memcpy(mac.bytes.data(), bytes.data(), bytes.size());
  return mac;
}

std::optional<base::IpAddress> address_in(const Attributes& attributes) {
  const auto bytes = attributes.bytes(NDA_DST);
  return base::IpAddress::from_bytes(bytes.data(), bytes.size());
}

}  // namespace

Message put_neighbour(const Neighbour& neighbour) {
  Message message = neighbour_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NUD_PERMANENT,
                                      neighbour.address.af(), neighbour.ifindex, 0);
  message.put(NDA_DST, neighbour.address.data(), neighbour.address.size());
  message.put(NDA_LLADDR, neighbour.mac.bytes.data(), neighbour.mac.bytes.size());
  return message;
}

Message remove_neighbour(const Neighbour& neighbour) {
  Message message =
      neighbour_message(RTM_DELNEIGH, 0, NUD_PERMANENT, neighbour.address.af(), neighbour.ifindex, 0);
  message.put(NDA_DST, neighbour.address.data(), neighbour.address.size());
  return message;
}

Message correct_neighbour(const Neighbour& neighbour) {
  Message message =
      neighbour_message(RTM_NEWNEIGH, NLM_F_REPLACE, NUD_STALE, neighbour.address.af(), neighbour.ifindex, 0);
  message.put(NDA_DST, neighbour.address.data(), neighbour.address.size());
  message.put(NDA_LLADDR, neighbour.mac.bytes.data(), neighbour.mac.bytes.size());
  return message;
}

Message put_fdb(const FdbEntry& entry) {
  return fdb_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, entry);
}

Message remove_fdb(const FdbEntry& entry) { return fdb_message(RTM_DELNEIGH, 0, entry); }

std::optional<Neighbour> parse_neighbour(const nlmsghdr* message) {
  const auto* header = static_cast<const ndmsg*>(nlmsg_data(message));
  if (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) return std::nullopt;
  const Attributes attributes = Attributes::of(message, sizeof *header);
  const auto address = address_in(attributes);
  if (!address) return std::nullopt;
  const auto mac = mac_in(attributes);
  return Neighbour{header->ndm_ifindex, *address, mac.value_or(base::MacAddress{}),
                   mac && (header->ndm_state & NUD_PERMANENT) != 0};
}

std::optional<FdbEntry> parse_fdb(const nlmsghdr* message) {
  const auto* header = static_cast<const ndmsg*>(nlmsg_data(message));
  if (header->ndm_family != AF_BRIDGE) return std::nullopt;
  const Attributes attributes = Attributes::of(message, sizeof *header);
  const auto mac = mac_in(attributes);
  if (!mac) return std::nullopt;
  FdbEntry entry{header->ndm_ifindex, *mac, address_in(attributes), (header->ndm_state & NUD_PERMANENT) != 0};
  // A row with a port, VNI or link of its own is nobody's plain entry.
  for (const int other : {NDA_PORT, NDA_VNI, NDA_IFINDEX, NDA_NH_ID})
    if (attributes.find(other)) entry.dst.reset();
  return entry;
}

std::vector<Neighbour> neighbours_of(NetlinkSocket& socket, int ifindex, base::Family family) {
  ndmsg header{};
  header.ndm_family = static_cast<uint8_t>(base::default_route(family).address.af());
  Message query(RTM_GETNEIGH, 0);
  query.header(header).put_u32(NDA_IFINDEX, static_cast<uint32_t>(ifindex));
  std::vector<Neighbour> neighbours;
  socket.dump(
      query, "list the neighbours of a link", [&] { neighbours.clear(); },
      [&](const nlmsghdr* message) {
        const auto neighbour = parse_neighbour(message);
        // Old kernels do not filter.
        if (neighbour && neighbour->ifindex == ifindex && neighbour->address.family() == family)
          neighbours.push_back(*neighbour);
      });
  return neighbours;
}

std::vector<FdbEntry> fdb_of(NetlinkSocket& socket, int ifindex) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = ifindex;
  Message query(RTM_GETNEIGH, 0);
  query.header(header);
  std::vector<FdbEntry> entries;
  socket.dump(
      query, "list the forwarding entries of a link", [&] { entries.clear(); },
      [&](const nlmsghdr* message) {
        const auto entry = parse_fdb(message);
        if (entry && entry->ifindex == ifindex) entries.push_back(*entry);
      });
  return entries;
}

}  // namespace netlink
