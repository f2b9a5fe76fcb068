#include "common/netfilter/conntrack.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <endian.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "common/netfilter/nft_message.h"
#include "common/netlink/message.h"

namespace netfilter {
namespace {

// Which parts of a tuple count: CTA_FILTER_F_CTA_PROTO_NUM and _DST_PORT of the kernel's
// net/netfilter/nf_internals.h, since Linux 5.8. An older one lists all.
constexpr uint32_t kCountsProtocol = 1 << 3, kCountsDestinationPort = 1 << 5;

int message_type_of(int type) { return NFNL_SUBSYS_CTNETLINK << 8 | type; }

uint8_t protocol_of(base::Family family) { return family == base::Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6; }

bool is_udp_to(const netlink::Attributes& tuple, uint16_t port) {
  const netlink::Attributes protocol = tuple.nested(CTA_TUPLE_PROTO);
  const std::string_view bytes = protocol.bytes(CTA_PROTO_DST_PORT);
  uint16_t wire = 0;
  if (bytes.size() != sizeof wire) return false;
  std::memcpy(&wire, bytes.data(), sizeof wire);
  return protocol.u8(CTA_PROTO_NUM) == IPPROTO_UDP && be16toh(wire) == port;
}

/// A connection is known by the tuple of its first packet, and by its zone.
struct Connection {
  std::string tuple, zone;
};

std::vector<Connection> udp_connections(netlink::NetlinkSocket& socket, base::Family family, uint16_t port,
                                        const std::string& doing) {
  netlink::Message query(message_type_of(IPCTNL_MSG_CT_GET), NLM_F_DUMP);
  append_header(query, protocol_of(family));
  query.nest(CTA_TUPLE_ORIG, [&] {
    query.nest(CTA_TUPLE_PROTO, [&] {
      query.put_u8(CTA_PROTO_NUM, IPPROTO_UDP);
      query.put_u16(CTA_PROTO_DST_PORT, htobe16(port));
    });
  });
  query.nest(CTA_FILTER, [&] {
    query.put_u32(CTA_FILTER_ORIG_FLAGS, kCountsProtocol | kCountsDestinationPort);
    query.put_u32(CTA_FILTER_REPLY_FLAGS, 0);
  });
  std::vector<Connection> found;
  socket.dump(
      query, doing, [&] { found.clear(); },
      [&](const nlmsghdr* message) {
        const auto attributes = netlink::Attributes::of(message, sizeof(nfgenmsg));
        if (is_udp_to(attributes.nested(CTA_TUPLE_ORIG), port))
          found.push_back({.tuple = std::string(attributes.bytes(CTA_TUPLE_ORIG)),
                           .zone = std::string(attributes.bytes(CTA_ZONE))});
      });
  return found;
}

}  // namespace

void forget_udp(netlink::NetlinkSocket& socket, base::Family family, uint16_t port) {
  const std::string doing = fmt::format("forget the connections to UDP port {}", port);
  for (const Connection& one : udp_connections(socket, family, port, doing)) {
    netlink::Message message(message_type_of(IPCTNL_MSG_CT_DELETE), 0);
    append_header(message, protocol_of(family));
    message.put(CTA_TUPLE_ORIG | NLA_F_NESTED, one.tuple.data(), one.tuple.size());
    if (!one.zone.empty()) message.put(CTA_ZONE, one.zone.data(), one.zone.size());
    socket.request_unless(ENOENT, message, doing);
  }
}

}  // namespace netfilter
