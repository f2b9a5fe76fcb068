// What a WireGuard device is told to have, by the kernel and by programs, and leases of its peers. The first
// line says which: "kernel", "program", or the backend's mode.
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/netlink/wireguard.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/wireguard_lease_data.h"
#include "flanneld/kernel/wireguard_text.h"
#include "tests/fuzz/decoders.h"

namespace {

using base::IpAddress;

void check(const netlink::WireguardState& state) {
  for (const netlink::WireguardPeer& peer : state.peers)
    for (const base::IpNet& net : peer.allowed)
      fuzz::promise(net.prefix <= net.address.bits(), "a peer's network is one");
}

void decode_kernel(std::string_view input) {
  std::vector<nlmsghdr> message(2 + input.size() / sizeof(nlmsghdr));
  std::memcpy(message.data() + 1, input.data(), input.size());
  message.front().nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + input.size());
  netlink::WireguardState state;
  netlink::add_wireguard_part(message.data(), state);
  check(state);
}

void decode_program(std::string_view input) {
  netlink::WireguardState state;
  try {
    flanneld::parse_wireguard_answer(input, state);
    check(state);
  } catch (const base::ParseError&) {
  }
}

std::unique_ptr<flanneld::Backend> make_backend(const flanneld::NetworkConfig& config) {
  flanneld::ExternalInterface external;
  external.ifindex = 2;
  external.name = "eth0";
  external.mtu = 1500;
  external.ipv4 = external.public_ipv4 = IpAddress::parse("192.0.2.1");
  external.ipv6 = external.public_ipv6 = IpAddress::parse("2001:db8::1");
  return flanneld::make_backend({.config = config,
                                 .external = external,
                                 .devices = {},
                                 .routes = {},
                                 .wireguard_key = netlink::WireguardKey{8}});
}

void decode_lease(const flanneld::Backend& backend, std::string_view name, std::string_view value) {
  const auto key = flanneld::LeaseKey::parse(name);
  if (!key) return;
  try {
    const flanneld::Lease lease{*key, flanneld::LeaseAttributes::parse(value), std::nullopt};
    const flanneld::PeerPlan plan = backend.peer_plan(lease);
    for (const flanneld::PlannedTunnelPeer& peer : plan.tunnel_peers) {
      fuzz::promise(peer.public_key != netlink::WireguardKey{}, "a peer has a key");
      fuzz::promise(peer.endpoint.port != 0, "a peer has a port");
      for (const base::IpNet& net : peer.allowed)
        fuzz::promise(
            std::any_of(plan.routes.begin(), plan.routes.end(),
                        [&](const auto& route) { return route.dst == net && route.link == peer.link; }),
            "what a peer may send from leads to it");
    }
  } catch (const base::ParseError&) {
  }
}

}  // namespace

void fuzz::wireguard(std::string_view input) {
  const std::string_view kind = cut(input, '\n');
  if (kind == "kernel") return decode_kernel(input);
  if (kind == "program") return decode_program(input);
  std::string text = R"({"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48",)"
                     R"("Backend":{"Type":"wireguard","Mode":"separate"}})";
  if (kind == "auto" || kind == "ipv4" || kind == "ipv6") text.replace(text.find("separate"), 8, kind);
  const auto backend = make_backend(flanneld::NetworkConfig::parse(text));
  for (int i = 0; i < 16 && !input.empty(); ++i) {
    const std::string_view name = cut(input, '\n');
    decode_lease(*backend, name, cut(input, '\n'));
  }
}
