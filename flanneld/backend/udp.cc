#include "flanneld/backend/udp.h"

#include "common/base/error.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;

constexpr const char* kDeviceName = "flannel0";  // the first of upstream's "flannel%d"
constexpr std::string_view kDevicePrefix = "flannel";
constexpr uint32_t kOverhead = 20 + 8;  // IPv4 and UDP
constexpr uint16_t kDefaultPort = 8285;

uint16_t parse_port(const NetworkConfig& config) {
  return decoding("network config", [&] {
    refuse_misspelt(config.backend, {"Type", "Port"}, "Backend");
    return static_cast<uint16_t>(
        json::get_integer(config.backend, "Port", "Backend", 1, UINT16_MAX).value_or(kDefaultPort));
  });
}

class UdpBackend : public Backend {
 public:
  explicit UdpBackend(const BackendContext& context)
      : attributes_(make_attributes(context, "")),  // upstream names none
        is_default_(context.config.backend.empty()),
        has_ipv6_(context.config.ipv6.has_value()),
        external_(context.external.name) {
    if (!context.config.ipv4)
      throw base::ParseError("backend 'udp' carries IPv4 alone: without it, use 'vxlan'");
    for (const Family family : families_of(context.config))
      networks_.push_back(context.config.of(family)->network);
    device_.name = kDeviceName;
    device_.mtu = make_tunnel_mtu(context.external, 0, {.backend = "udp", .overhead = kOverhead});
    device_.network = context.config.ipv4->network;
    device_.kind = TunDevice{};
    tunnel_ = {.device = kDeviceName,
               // Behind a NAT the published address is not on this host.
               .local = interface_address(context.external, Family::v4).value_or(attributes_.public_ip),
               .port = parse_port(context.config),
               .network = device_.network};
  }

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override { return device_.mtu; }
  [[nodiscard]] std::optional<PacketTunnel> packet_tunnel() const override { return tunnel_; }

  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override {
    NodePlan plan;
    plan.devices = {device_};
    if (own && own->subnet) plan.devices.front().address = base::IpNet{own->subnet->network().address, 32};
    plan.route_links = {device_.name, external_};
    plan.networks = networks_;
    // What leads to no node comes here too, and its sender is told.
    plan.routes = {{.dst = device_.network.network(), .link = device_.name}};
    return plan;
  }

  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override {
    check_backend_type(peer, "");
    PeerPlan plan;
    if (!peer.key.subnet) return plan;
    const base::IpNet subnet = peer.key.subnet->network();
    const base::IpAddress remote = peer_address(peer, Family::v4);
    plan.routes = {{.dst = subnet, .link = device_.name}};
    plan.senders = {remote};
    plan.remotes = {{.subnet = subnet, .address = remote}};
    return plan;
  }

  [[nodiscard]] std::vector<TunnelPort> tunnel_ports() const override {
    return {{.family = Family::v4, .device = tunnel_.device, .port = tunnel_.port}};
  }

  [[nodiscard]] std::vector<std::string> hints() const override {
    std::vector<std::string> hints;
    if (is_default_)
      hints.emplace_back(
          "the network configuration names no backend, so that it is 'udp', which carries each packet "
          "through "
          "this program; where the kernel has VXLAN, \"Backend\": {\"Type\": \"vxlan\"} on all nodes is "
          "faster");
    if (has_ipv6_) hints.emplace_back("backend 'udp' carries IPv4 alone: pods reach no other node's by IPv6");
    return hints;
  }

 private:
  LeaseAttributes attributes_;
  bool is_default_, has_ipv6_;
  std::string external_;
  std::vector<base::IpNet> networks_;
  Device device_;
  PacketTunnel tunnel_;
};

}  // namespace

std::optional<uint32_t> udp_device_overhead(std::string_view kind, std::string_view name) {
  if (kind != TunDevice::kLinkKind || !name.starts_with(kDevicePrefix)) return std::nullopt;
  const std::string_view number = name.substr(kDevicePrefix.size());
  const bool is_ours = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  return is_ours ? std::optional(kOverhead) : std::nullopt;
}

std::unique_ptr<Backend> make_udp_backend(const BackendContext& context) {
  return std::make_unique<UdpBackend>(context);
}

}  // namespace flanneld
