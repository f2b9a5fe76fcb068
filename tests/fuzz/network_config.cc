#include "flanneld/lease/network_config.h"

#include "common/base/error.h"
#include "flanneld/backend/vxlan.h"
#include "tests/fuzz/decoders.h"

namespace {

/// What the claiming of a subnet relies on.
void check(const flanneld::FamilyConfig& config) {
  fuzz::promise(config.network == config.network.network(), "the network has no host bits");
  fuzz::promise(config.subnet_len > config.network.prefix, "a subnet is smaller than its network");
  const uint64_t count = config.subnet_count();
  fuzz::promise(count > 0, "there is a subnet");
  for (const uint64_t index : {uint64_t{0}, count / 2, count - 1}) {
    const base::IpNet subnet = config.nth_subnet(index);
    fuzz::promise(config.network.contains(subnet.address), "every subnet is within the network");
    fuzz::promise(config.allows(subnet), "every subnet may be held");
    fuzz::promise(config.index_of(subnet.address) == index, "index_of() is the inverse of nth_subnet()");
  }
}

}  // namespace

void fuzz::network_config(std::string_view input) {
  try {
    const auto config = flanneld::NetworkConfig::parse(input);
    promise(config.ipv4 || config.ipv6, "a family is enabled");
    for (const auto& family : {config.ipv4, config.ipv6})
      if (family) check(*family);
    const auto options = flanneld::VxlanOptions::parse(config);
    promise(options.vni < 1 << 24 && options.mtu <= 65535, "the options are in their ranges");
  } catch (const base::ParseError&) {
  }
}
