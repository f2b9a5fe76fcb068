#include "common/netlink/wireguard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/text.h"

namespace netlink {
namespace {

/// How the kernel tells of a time.
struct Timespec64 {
  int64_t seconds, nanoseconds;
};

/// The value whose bytes these are; nullopt if they are too few.
template <class Value>
std::optional<Value> value_of(std::string_view bytes) {
  if (bytes.size() < sizeof(Value)) return std::nullopt;
  Value value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

WireguardKey read_key(const Attributes& attributes, int type) {
  return value_of<WireguardKey>(attributes.bytes(type)).value_or(WireguardKey{});
}

std::optional<WireguardEndpoint> read_endpoint(std::string_view bytes) {
  const auto family = value_of<sa_family_t>(bytes);
  if (family == AF_INET)
    if (const auto address = value_of<sockaddr_in>(bytes))
      return WireguardEndpoint{*base::IpAddress::from_bytes(&address->sin_addr, sizeof address->sin_addr),
                               ntohs(address->sin_port)};
  if (family == AF_INET6)
    if (const auto address = value_of<sockaddr_in6>(bytes))
      return WireguardEndpoint{*base::IpAddress::from_bytes(&address->sin6_addr, sizeof address->sin6_addr),
                               ntohs(address->sin6_port)};
  return std::nullopt;
}

void put_endpoint(Message& message, const WireguardEndpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.data(), sizeof address.sin_addr);
    message.put(WGPEER_A_ENDPOINT, &address, sizeof address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, endpoint.address.data(), sizeof address.sin6_addr);
    message.put(WGPEER_A_ENDPOINT, &address, sizeof address);
  }
}

std::optional<base::IpNet> read_allowed(const Attributes& attributes) {
  const std::string_view bytes = attributes.bytes(WGALLOWEDIP_A_IPADDR);
  const auto address = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  const uint8_t prefix = attributes.u8(WGALLOWEDIP_A_CIDR_MASK);
  if (!address || prefix > address->bits()) return std::nullopt;
  return base::IpNet{*address, prefix};
}

void put_allowed(Message& message, const base::IpNet& net) {
  message.put_u16(WGALLOWEDIP_A_FAMILY, static_cast<uint16_t>(net.address.af()));
  message.put(WGALLOWEDIP_A_IPADDR, net.address.data(), net.address.size());
  message.put_u8(WGALLOWEDIP_A_CIDR_MASK, net.prefix);
}

void read_peer(const Attributes& attributes, WireguardState& state) {
  const WireguardKey key = read_key(attributes, WGPEER_A_PUBLIC_KEY);
  const bool is_rest = !state.peers.empty() && state.peers.back().public_key == key;
  WireguardPeer& peer = is_rest ? state.peers.back() : state.peers.emplace_back();
  if (!is_rest) {
    peer.public_key = key;
    peer.preshared_key = read_key(attributes, WGPEER_A_PRESHARED_KEY);
    peer.endpoint = read_endpoint(attributes.bytes(WGPEER_A_ENDPOINT));
    peer.keepalive = std::chrono::seconds(attributes.u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL));
    peer.received = attributes.u64(WGPEER_A_RX_BYTES);
    peer.sent = attributes.u64(WGPEER_A_TX_BYTES);
    const auto time = value_of<Timespec64>(attributes.bytes(WGPEER_A_LAST_HANDSHAKE_TIME));
    if (time && time->seconds > 0)
      peer.last_handshake = std::chrono::sys_seconds(std::chrono::seconds(time->seconds));
  }
  attributes.nested(WGPEER_A_ALLOWEDIPS).for_each([&](const Attributes& one) {
    if (const auto net = read_allowed(one)) peer.allowed.push_back(*net);
  });
}

void put_peer(Message& message, const WireguardPeerChange& change) {
  message.put(WGPEER_A_PUBLIC_KEY, change.public_key.data(), change.public_key.size());
  message.put_u32(WGPEER_A_FLAGS, change.remove ? WGPEER_F_REMOVE_ME : WGPEER_F_REPLACE_ALLOWEDIPS);
  if (change.remove) return;
  message.put(WGPEER_A_PRESHARED_KEY, change.preshared_key.data(), change.preshared_key.size());
  if (change.endpoint) put_endpoint(message, *change.endpoint);
  message.put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, static_cast<uint16_t>(change.keepalive.count()));
  message.nest(WGPEER_A_ALLOWEDIPS, [&] {
    for (const base::IpNet& net : change.allowed) message.nest(0, [&] { put_allowed(message, net); });
  });
}

/// Turning keepalive on sends one: to a peer without a session that is a handshake.
void put_keepalive(Message& message, const WireguardPeerChange& change, std::chrono::seconds keepalive) {
  message.put(WGPEER_A_PUBLIC_KEY, change.public_key.data(), change.public_key.size());
  message.put_u32(WGPEER_A_FLAGS, WGPEER_F_UPDATE_ONLY);
  message.put_u16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, static_cast<uint16_t>(keepalive.count()));
}

void put_change(Message& message, const WireguardPeerChange& change) {
  message.nest(0, [&] { put_peer(message, change); });
  if (change.remove || !change.greet || change.keepalive.count() != 0) return;
  for (const std::chrono::seconds keepalive : {std::chrono::seconds(1), std::chrono::seconds(0)})
    message.nest(0, [&] { put_keepalive(message, change, keepalive); });
}

std::string describe(const WireguardPeerChange& change, const std::string& name) {
  const char* doing = change.remove ? "remove a peer of" : "set a peer of";
  return change.allowed.empty()
             ? fmt::format("{} {}", doing, base::quoted(name))
             : fmt::format("{} {} for {}", doing, base::quoted(name), change.allowed.front());
}

}  // namespace

void create_wireguard(NetlinkSocket& socket, const std::string& name, uint32_t mtu) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(ifinfomsg{}).put_string(IFLA_IFNAME, name).put_u32(IFLA_MTU, mtu);
  message.nest(IFLA_LINKINFO, [&] { message.put_string(IFLA_INFO_KIND, std::string(kWireguardKind)); });
  socket.request(message, fmt::format("create wireguard device {}", base::quoted(name)));
}

void add_wireguard_part(const nlmsghdr* message, WireguardState& state) {
  const Attributes attributes = Attributes::of(message, GENL_HDRLEN);
  if (attributes.find(WGDEVICE_A_PRIVATE_KEY))
    state.private_key = read_key(attributes, WGDEVICE_A_PRIVATE_KEY);
  if (attributes.find(WGDEVICE_A_PUBLIC_KEY)) state.public_key = read_key(attributes, WGDEVICE_A_PUBLIC_KEY);
  if (attributes.find(WGDEVICE_A_LISTEN_PORT)) state.port = attributes.u16(WGDEVICE_A_LISTEN_PORT);
  attributes.nested(WGDEVICE_A_PEERS).for_each([&](const Attributes& one) { read_peer(one, state); });
}

std::optional<WireguardSocket> WireguardSocket::open() {
  NetlinkSocket socket = NetlinkSocket::open(NETLINK_GENERIC);
  Message query(GENL_ID_CTRL, 0);
  query.header(genlmsghdr{.cmd = CTRL_CMD_GETFAMILY, .version = 1, .reserved = 0});
  query.put_string(CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
  uint16_t family = 0;
  socket.get(query, "look up generic netlink's family 'wireguard'", [&](const nlmsghdr* message) {
    family = Attributes::of(message, GENL_HDRLEN).u16(CTRL_ATTR_FAMILY_ID);
  });
  if (family == 0) return std::nullopt;
  return WireguardSocket(std::move(socket), family);
}

Message WireguardSocket::request(uint8_t command, const std::string& name) const {
  Message message(family_, 0);
  message.header(genlmsghdr{.cmd = command, .version = WG_GENL_VERSION, .reserved = 0});
  message.put_string(WGDEVICE_A_IFNAME, name);
  return message;
}

std::optional<WireguardState> WireguardSocket::read(const std::string& name) {
  std::optional<WireguardState> state;
  try {
    socket_.dump(
        request(WG_CMD_GET_DEVICE, name), fmt::format("read wireguard device {}", base::quoted(name)),
        [&] { state.emplace(); }, [&](const nlmsghdr* message) { add_wireguard_part(message, *state); });
  } catch (const NetlinkError& error) {
    if (error.error_number() != ENODEV && error.error_number() != EOPNOTSUPP) throw;
    return std::nullopt;
  }
  return state;
}

void WireguardSocket::configure(const std::string& name, const WireguardKey& private_key, uint16_t port) {
  Message message = request(WG_CMD_SET_DEVICE, name);
  message.put(WGDEVICE_A_PRIVATE_KEY, private_key.data(), private_key.size());
  message.put_u16(WGDEVICE_A_LISTEN_PORT, port);
  socket_.request(message, fmt::format("configure wireguard device {}", base::quoted(name)));
}

std::vector<Steps::Refusal> WireguardSocket::change_peers(const std::string& name,
                                                          const std::vector<WireguardPeerChange>& changes) {
  Steps steps;
  for (const WireguardPeerChange& change : changes) {
    Message message = request(WG_CMD_SET_DEVICE, name);
    message.nest(WGDEVICE_A_PEERS, [&] { put_change(message, change); });
    steps.add(message, describe(change, name));
  }
  return steps.send(socket_);
}

}  // namespace netlink
