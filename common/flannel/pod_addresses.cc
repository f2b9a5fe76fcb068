#include "common/flannel/pod_addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/file.h"

namespace flannel {
namespace {

using base::IpNet;

unsigned host_bits(const IpNet& subnet) { return subnet.address.bits() - subnet.prefix; }

uint64_t usable_in(const IpNet& subnet) {
  if (host_bits(subnet) >= 63) return UINT64_MAX;
  const uint64_t all = uint64_t{1} << host_bits(subnet);
  const uint64_t others = host_bits(subnet) < 2 ? 1 : subnet.address.is_v4() ? 3 : 2;
  return all > others ? all - others : 0;
}

}  // namespace

std::optional<PodAddresses> count_pod_addresses(const std::vector<IpNet>& subnets,
                                                const std::string& directory) {
  const auto smallest = std::min_element(subnets.begin(), subnets.end(), [](const IpNet& a, const IpNet& b) {
    return host_bits(a) < host_bits(b);
  });
  const base::UniqueFd networks = base::open_directory(directory);
  if (smallest == subnets.end() || !networks.valid()) return std::nullopt;
  PodAddresses count{.subnet = smallest->network(), .held = 0, .usable = usable_in(*smallest)};
  for (const std::string& network : base::list_directory(networks.get())) {
    const base::UniqueFd leases = base::open_directory(fmt::format("{}/{}", directory, network));
    if (!leases.valid()) continue;
    base::for_each_name(leases.get(), [&](std::string_view name) {
      const auto address = base::IpAddress::parse(name);
      if (address && count.subnet.contains(*address)) ++count.held;
    });
  }
  return count;
}

}  // namespace flannel
