#include "flanneld/backend/ipip.h"

#include "common/base/error.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;

constexpr const char* kIpip = "ipip";
constexpr const char* kIpipName = "flannel.ipip";
constexpr uint32_t kIpipOverhead = 20;  // an IPv4 header

bool parse_direct_routing(const NetworkConfig& config) {
  return decoding("network config", [&] {
    refuse_misspelt(config.backend, {"Type", "DirectRouting"}, "Backend");
    return json::get_bool(config.backend, "DirectRouting", "Backend");
  });
}

class IpipBackend : public Backend {
 public:
  explicit IpipBackend(const BackendContext& context)
      : attributes_(make_attributes(context, kIpip)),
        direct_routing_(parse_direct_routing(context.config)),
        has_ipv6_(context.config.ipv6.has_value()),
        external_(context.external.name),
        routes_(context.routes) {
    if (!context.config.ipv4)
      throw base::ParseError("backend 'ipip' carries IPv4 alone: without it, use 'vxlan'");
    for (const Family family : families_of(context.config))
      networks_.push_back(context.config.of(family)->network);
    device_.name = kIpipName;
    device_.mtu = make_tunnel_mtu(context.external, 0, {.backend = kIpip, .overhead = kIpipOverhead});
    device_.network = context.config.ipv4->network;
    // Behind a NAT the published address is not on this host.
    device_.kind =
        IpipDevice{.local = interface_address(context.external, Family::v4).value_or(attributes_.public_ip)};
  }

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override { return device_.mtu; }

  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override {
    NodePlan plan;
    plan.devices = {device_};
    if (own && own->subnet) plan.devices.front().address = base::IpNet{own->subnet->network().address, 32};
    // Without DirectRouting too: the routes that it left behind when it was on must go.
    plan.route_links = {device_.name, external_};
    plan.networks = networks_;
    plan.has_plain_routes = direct_routing_;
    return plan;
  }

  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override {
    check_backend_type(peer, kIpip);
    PeerPlan plan;
    if (!peer.key.subnet) return plan;
    const base::IpAddress remote = peer_address(peer, Family::v4);
    const bool is_direct = direct_routing_ && is_directly_connected(routes_, remote);
    // The gateway of the route is where the outer packet goes.
    plan.routes = {{.dst = peer.key.subnet->network(),
                    .gw = remote,
                    .link = is_direct ? external_ : device_.name,
                    .onlink = true}};
    plan.senders = {remote};
    return plan;
  }

  [[nodiscard]] std::vector<TunnelPort> tunnel_ports() const override {
    return {{.family = Family::v4, .device = device_.name}};
  }

  [[nodiscard]] std::vector<std::string> hints() const override {
    if (!has_ipv6_) return {};
    return {"backend 'ipip' carries IPv4 alone: pods reach no other node's by IPv6"};
  }

 private:
  LeaseAttributes attributes_;
  bool direct_routing_, has_ipv6_;
  std::string external_;
  std::vector<HostRoute> routes_;
  std::vector<base::IpNet> networks_;
  Device device_;
};

}  // namespace

std::optional<uint32_t> ipip_device_overhead(std::string_view kind, std::string_view name) {
  return kind == IpipDevice::kLinkKind && name == kIpipName ? std::optional(kIpipOverhead) : std::nullopt;
}

std::unique_ptr<Backend> make_ipip_backend(const BackendContext& context) {
  return std::make_unique<IpipBackend>(context);
}

}  // namespace flanneld
