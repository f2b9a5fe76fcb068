#include "flanneld/backend/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/backend/ipip.h"
#include "flanneld/backend/udp.h"
#include "flanneld/backend/vxlan.h"
#include "flanneld/backend/wireguard.h"

namespace flanneld {
namespace {

struct BackendRow {
  std::string_view type;  ///< `Backend.Type`
  std::unique_ptr<Backend> (*make)(const BackendContext& context);
  /// As find_device_overhead(); null for a backend without devices.
  std::optional<uint32_t> (*device_overhead)(std::string_view kind, std::string_view name) = nullptr;
  bool serves_beside_another = false;  ///< see serves_beside_another()
};

constexpr std::array kBackends{
    BackendRow{.type = "vxlan",
               .make = make_vxlan_backend,
               .device_overhead = vxlan_device_overhead,
               .serves_beside_another = true},
    BackendRow{.type = "host-gw", .make = make_host_gw_backend, .serves_beside_another = true},
    BackendRow{.type = "wireguard",
               .make = make_wireguard_backend,
               .device_overhead = wireguard_device_overhead,
               .serves_beside_another = true},
    BackendRow{.type = "ipip",
               .make = make_ipip_backend,
               .device_overhead = ipip_device_overhead,
               .serves_beside_another = true},
    BackendRow{.type = "udp",
               .make = make_udp_backend,
               .device_overhead = udp_device_overhead,
               .serves_beside_another = true},
    BackendRow{.type = "extension", .make = make_extension_backend},
    BackendRow{.type = "alloc", .make = make_alloc_backend},
};

/// "'vxlan', 'host-gw', … or 'alloc'".
std::string type_list() {
  std::vector<std::string> types;
  types.reserve(kBackends.size());
  for (const BackendRow& row : kBackends) types.push_back(base::quoted(row.type));
  return fmt::format("{} or {}", fmt::join(types.begin(), types.end() - 1, ", "), types.back());
}

}  // namespace

std::unique_ptr<Backend> make_backend(const BackendContext& context) {
  const std::string& type = context.config.backend_type;
  for (const BackendRow& row : kBackends)
    if (row.type == type) return row.make(context);
  throw base::ParseError(
      fmt::format("network config: key 'Backend.Type': backend {} is not supported; it must be {}",
                  base::quoted(type), type_list()));
}

bool serves_beside_another(std::string_view type) {
  return std::any_of(kBackends.begin(), kBackends.end(),
                     [&](const BackendRow& row) { return row.type == type && row.serves_beside_another; });
}

std::optional<uint32_t> find_device_overhead(std::string_view kind, std::string_view name) {
  for (const BackendRow& row : kBackends)
    if (row.device_overhead)
      if (const auto overhead = row.device_overhead(kind, name)) return overhead;
  return std::nullopt;
}

}  // namespace flanneld
