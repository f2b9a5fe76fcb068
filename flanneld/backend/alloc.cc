#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"

namespace flanneld {
namespace {

class AllocBackend : public Backend {
 public:
  explicit AllocBackend(const BackendContext& context)
      : attributes_(make_attributes(context, "")), mtu_(context.external.mtu) {
    plan_.route_links = {context.external.name};
    for (const base::Family family : families_of(context.config))
      plan_.networks.push_back(context.config.of(family)->network);
  }

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override { return mtu_; }
  [[nodiscard]] NodePlan node_plan(const LeaseKey* /*own*/) const override { return plan_; }
  [[nodiscard]] PeerPlan peer_plan(const Lease& /*peer*/) const override { return {}; }

 private:
  LeaseAttributes attributes_;
  uint32_t mtu_;
  NodePlan plan_;  ///< nothing but where another backend's routes may be left
};

}  // namespace

std::unique_ptr<Backend> make_alloc_backend(const BackendContext& context) {
  return std::make_unique<AllocBackend>(context);
}

}  // namespace flanneld
