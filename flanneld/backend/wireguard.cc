#include "flanneld/backend/wireguard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/error.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/wireguard_lease_data.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/node/wireguard_key.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;
using netlink::WireguardKey;
using Mode = WireguardOptions::Mode;

constexpr const char* kWireguard = "wireguard";

/// True for an address that means a node in its own network alone (RFC 1918, RFC 4193).
bool is_private(const IpAddress& address) {
  static const std::array kNets{*IpNet::parse("10.0.0.0/8"), *IpNet::parse("172.16.0.0/12"),
                                *IpNet::parse("192.168.0.0/16"), *IpNet::parse("fc00::/7")};
  return std::any_of(kNets.begin(), kNets.end(), [&](const IpNet& net) { return net.contains(address); });
}

/// nullopt where the lease has none.
std::optional<IpAddress> address_of(const LeaseAttributes& attributes, Family family) {
  if (family == Family::v6) return attributes.public_ipv6;
  return attributes.public_ip.is_unspecified() ? std::nullopt : std::optional(attributes.public_ip);
}

const std::string& data_of(const LeaseAttributes& attributes, Family family) {
  return family == Family::v4 ? attributes.backend_data : attributes.backend_v6_data;
}

class WireguardBackend : public Backend {
 public:
  explicit WireguardBackend(const BackendContext& context);

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override;
  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override;
  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override;
  [[nodiscard]] std::vector<TunnelPort> tunnel_ports() const override;

 private:
  [[nodiscard]] bool is_separate() const { return options_.mode == Mode::separate; }
  [[nodiscard]] std::vector<Family> underlays() const;
  [[nodiscard]] Device make_device(const BackendContext& context, Family first, uint16_t port,
                                   const std::vector<Family>& underlays) const;
  [[nodiscard]] Family choose_underlay(const LeaseAttributes& peer) const;
  [[nodiscard]] WireguardLeaseData data_of_peer(const Lease& peer, Family family) const;
  [[nodiscard]] WireguardLeaseData data_for_both(const Lease& peer) const;
  void plan_device(const Device& device, const Lease& peer, const std::vector<Family>& families,
                   const WireguardLeaseData& data, Family underlay, PeerPlan& plan) const;

  WireguardOptions options_;
  WireguardKey private_key_, public_key_;
  std::vector<Family> families_;
  LeaseAttributes attributes_;
  std::vector<Device> devices_;
  std::string external_;
};

netlink::WireguardKey key_of(const BackendContext& context) {
  if (!context.wireguard_key) throw base::ParseError("backend 'wireguard': the node has no key");
  return *context.wireguard_key;
}

void check_mode(Mode mode, const NetworkConfig& config) {
  if (mode == Mode::ipv4 && !config.ipv4)
    throw base::ParseError("network config: key 'Backend.Mode': 'ipv4' needs EnableIPv4");
  if (mode == Mode::ipv6 && !config.ipv6)
    throw base::ParseError("network config: key 'Backend.Mode': 'ipv6' needs EnableIPv6");
}

WireguardBackend::WireguardBackend(const BackendContext& context)
    : options_(WireguardOptions::parse(context.config)),
      private_key_(key_of(context)),
      public_key_(public_wireguard_key(private_key_)),
      families_(families_of(context.config)),
      attributes_(make_attributes(context, kWireguard)),
      external_(context.external.name) {
  check_mode(options_.mode, context.config);
  const auto port_of = [&](Family family) {
    return is_separate() && family == Family::v6 ? options_.ipv6_port : options_.port;
  };
  for (const Family family : families_) {
    const WireguardLeaseData data{.public_key = public_key_, .port = port_of(family)};
    (family == Family::v4 ? attributes_.backend_data : attributes_.backend_v6_data) = data.format();
    if (is_separate()) devices_.push_back(make_device(context, family, port_of(family), {family}));
  }
  if (!is_separate()) devices_.push_back(make_device(context, families_.front(), options_.port, underlays()));
}

/// The families of the addresses that the one device sends by.
std::vector<Family> WireguardBackend::underlays() const {
  if (options_.mode == Mode::ipv4) return {Family::v4};
  if (options_.mode == Mode::ipv6) return {Family::v6};
  return families_;
}

Device WireguardBackend::make_device(const BackendContext& context, Family first, uint16_t port,
                                     const std::vector<Family>& underlays) const {
  Device device;
  device.name = is_separate() && first == Family::v6 ? kWireguardIpv6Link : kWireguardLink;
  device.mtu = make_tunnel_mtu(context.external, options_.mtu,
                               {.backend = kWireguard,
                                .overhead = wireguard_overhead(underlays.back()),
                                .underlay = underlays.back(),
                                .inner = families_.back()});
  device.network = context.config.of(first)->network;
  if (!is_separate() && families_.size() > 1)
    device.other_family = DeviceNetwork{.network = context.config.of(families_.back())->network};
  device.kind = WireguardDevice{.port = port,
                                .private_key = private_key_,
                                .preshared_key = options_.preshared_key,
                                .keepalive = options_.keepalive};
  return device;
}

uint32_t WireguardBackend::mtu() const {
  uint32_t least = UINT32_MAX;
  for (const Device& device : devices_) least = std::min(least, device.mtu);
  return least;
}

NodePlan WireguardBackend::node_plan(const LeaseKey* own) const {
  const auto address_in = [&](const IpNet& network) -> std::optional<IpNet> {
    const auto* subnet = own ? &own->of(network.address.family()) : nullptr;
    if (!subnet || !*subnet) return std::nullopt;
    const IpAddress first = (*subnet)->network().address;
    return IpNet{first, static_cast<uint8_t>(first.bits())};
  };
  NodePlan plan;
  for (const Device& device : devices_) {
    plan.devices.push_back(device);
    plan.route_links.push_back(device.name);
    plan.networks.push_back(device.network);
    plan.devices.back().address = address_in(device.network);
    if (!device.other_family) continue;
    plan.networks.push_back(device.other_family->network);
    plan.devices.back().other_family->address = address_in(device.other_family->network);
  }
  plan.route_links.push_back(external_);
  // What no peer has must not leave by the default route, in the clear.
  plan.blackholes = plan.networks;
  return plan;
}

std::vector<TunnelPort> WireguardBackend::tunnel_ports() const {
  std::vector<TunnelPort> ports;
  for (const Device& device : devices_)
    for (const Family family : is_separate() ? std::vector{device.network.address.family()} : underlays())
      ports.push_back({.family = family,
                       .device = device.name,
                       .port = std::get<WireguardDevice>(device.kind).port,
                       .knows_senders = true});
  return ports;
}

/// As upstream chooses in mode "auto": each end for itself, and WireGuard answers by the same way.
Family WireguardBackend::choose_underlay(const LeaseAttributes& peer) const {
  if (options_.mode == Mode::ipv4) return Family::v4;
  if (options_.mode == Mode::ipv6) return Family::v6;
  const auto v4 = address_of(peer, Family::v4), v6 = address_of(peer, Family::v6);
  const auto own_v4 = address_of(attributes_, Family::v4), own_v6 = address_of(attributes_, Family::v6);
  if (!v6 || !own_v6) return Family::v4;
  if (v4 && !is_private(*v4) && own_v4) return Family::v4;
  if (!is_private(*v6) && !is_private(*own_v6)) return Family::v6;
  return v4 && own_v4 ? Family::v4 : Family::v6;
}

WireguardLeaseData WireguardBackend::data_of_peer(const Lease& peer, Family family) const {
  const auto data = decoding(fmt::format("lease of {}", peer.key.str()),
                             [&] { return WireguardLeaseData::parse(data_of(peer.attributes, family)); });
  if (data.public_key == public_key_)
    throw base::ParseError(
        fmt::format("lease of {}: its WireGuard key is this node's own; was /var/lib/flannel copied from one "
                    "to the other?",
                    peer.key.str()));
  return data;
}

/// One device has one key and one port. Upstream publishes a port for IPv6 that no device of it has, so the
/// one for IPv4 counts.
WireguardLeaseData WireguardBackend::data_for_both(const Lease& peer) const {
  std::optional<WireguardLeaseData> first;
  for (const Family family : families_) {
    if (!peer.key.of(family) || data_of(peer.attributes, family).empty()) continue;
    const WireguardLeaseData data = data_of_peer(peer, family);
    if (first && first->public_key != data.public_key)
      throw base::ParseError(fmt::format("lease of {}: it has two WireGuard keys", peer.key.str()));
    if (!first) first = data;
  }
  if (!first) throw base::ParseError(fmt::format("lease of {} has no WireGuard key", peer.key.str()));
  return *first;
}

void WireguardBackend::plan_device(const Device& device, const Lease& peer,
                                   const std::vector<Family>& families, const WireguardLeaseData& data,
                                   Family underlay, PeerPlan& plan) const {
  const uint16_t own_port = std::get<WireguardDevice>(device.kind).port;
  PlannedTunnelPeer planned{.link = device.name,
                            .public_key = data.public_key,
                            .endpoint = {peer_address(peer, underlay), data.port != 0 ? data.port : own_port},
                            .allowed = {}};
  for (const Family family : families) {
    if (!peer.key.of(family)) continue;
    planned.allowed.push_back(peer.key.of(family)->network());
    plan.routes.push_back({.dst = planned.allowed.back(), .link = device.name});
  }
  plan.senders.push_back(planned.endpoint.address);
  plan.tunnel_peers.push_back(std::move(planned));
}

PeerPlan WireguardBackend::peer_plan(const Lease& peer) const {
  check_backend_type(peer, kWireguard);
  PeerPlan plan;
  if (!is_separate()) {
    plan_device(devices_.front(), peer, families_, data_for_both(peer), choose_underlay(peer.attributes),
                plan);
    return plan;
  }
  for (const Device& device : devices_) {
    const Family family = device.network.address.family();
    if (peer.key.of(family)) plan_device(device, peer, {family}, data_of_peer(peer, family), family, plan);
  }
  return plan;
}

}  // namespace

std::unique_ptr<Backend> make_wireguard_backend(const BackendContext& context) {
  return std::make_unique<WireguardBackend>(context);
}

}  // namespace flanneld
