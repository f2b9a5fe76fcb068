#include "flanneld/agent/published_config.h"

#include "common/base/error.h"
#include "common/json/json.h"
#include "flanneld/backend/vxlan_lease_data.h"

namespace flanneld {
namespace {

json::Value vxlan_backend(const LeaseAttributes& published, const std::vector<Device>& devices) {
  const std::string& data =
      published.backend_data.empty() ? published.backend_v6_data : published.backend_data;
  const uint32_t vni = VxlanLeaseData::parse(data).vni;
  json::Value backend{{"Type", "vxlan"}, {"VNI", vni}};
  for (const Device& device : devices)
    if (const auto* vxlan = std::get_if<VxlanDevice>(&device.kind); vxlan && vxlan->vni == vni)
      backend["Port"] = vxlan->port;
  return backend;
}

}  // namespace

std::optional<std::string> published_config(const std::string& text, const LeaseAttributes& published,
                                            const std::vector<Device>& devices) {
  try {
    json::Value config = json::parse(text, "network config");
    json::erase(config, "Backend");
    if (published.backend_type == "vxlan")
      config["Backend"] = vxlan_backend(published, devices);
    else if (published.backend_type == "host-gw")
      config["Backend"] = {{"Type", "host-gw"}};
    else
      return std::nullopt;
    return config.dump();
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

}  // namespace flanneld
