#include <fmt/format.h>

#include "common/base/error.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;

constexpr const char* kHostGw = "host-gw";

/// Throws base::ParseError unless peers can use the interface itself as their gateway.
void check_public_address(const ExternalInterface& external, Family family) {
  const auto& own = interface_address(external, family);
  const auto& published = public_address(external, family);
  if (own == published) return;
  throw base::ParseError(
      fmt::format("backend 'host-gw': the public {} address {} is not that of interface '{}' ({}); nodes "
                  "behind a NAT need backend 'vxlan'",
                  family_name(family), *published, external.name, own ? own->str() : "none"));
}

class HostGwBackend : public Backend {
 public:
  explicit HostGwBackend(const BackendContext& context)
      : attributes_(make_attributes(context, kHostGw)),
        families_(families_of(context.config)),
        link_(context.external.name),
        mtu_(context.external.mtu) {
    for (const Family family : families_) {
      check_public_address(context.external, family);
      networks_.push_back(context.config.of(family)->network);
    }
  }

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override { return mtu_; }

  [[nodiscard]] NodePlan node_plan(const LeaseKey* /*own*/) const override {
    NodePlan plan;
    plan.route_links = {link_};
    plan.networks = networks_;
    plan.has_plain_routes = true;
    return plan;
  }

  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override {
    check_backend_type(peer, kHostGw);
    PeerPlan plan;
    for (const Family family : families_)
      if (const auto& subnet = peer.key.of(family))
        plan.routes.push_back({.dst = subnet->network(), .gw = peer_address(peer, family), .link = link_});
    return plan;
  }

 private:
  LeaseAttributes attributes_;
  std::vector<Family> families_;
  std::vector<base::IpNet> networks_;
  std::string link_;
  uint32_t mtu_;
};

}  // namespace

std::unique_ptr<Backend> make_host_gw_backend(const BackendContext& context) {
  return std::make_unique<HostGwBackend>(context);
}

}  // namespace flanneld
