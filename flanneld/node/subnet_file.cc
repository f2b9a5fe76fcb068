#include "flanneld/node/subnet_file.h"

#include "common/base/file.h"

namespace flanneld {
namespace {

constexpr size_t kMaxSubnetBytes = 64 << 10;
constexpr mode_t kSubnetFileMode = 0644, kRunDirectoryMode = 0755;

/// The bridge gets the first address of the subnet.
base::IpNet gateway_in(const base::IpNet& subnet) { return {subnet.address.next(), subnet.prefix}; }

}  // namespace

std::optional<LeaseKey> read_previous_lease(const std::string& path) {
  const auto text = base::read_file(path, kMaxSubnetBytes);
  if (!text) return std::nullopt;
  const flannel::SubnetEnv env = flannel::SubnetEnv::parse(*text, path);
  LeaseKey key;
  if (env.subnet) key.subnet = env.subnet->network();
  if (env.ipv6_subnet) key.ipv6_subnet = env.ipv6_subnet->network();
  return key;
}

std::vector<base::IpNet> read_previous_networks(const std::string& path) {
  const auto text = base::read_file(path, kMaxSubnetBytes);
  if (!text) return {};
  const flannel::SubnetEnv env = flannel::SubnetEnv::parse(*text, path);
  std::vector<base::IpNet> networks = env.networks;
  networks.insert(networks.end(), env.ipv6_networks.begin(), env.ipv6_networks.end());
  return networks;
}

flannel::SubnetEnv make_subnet_env(const NetworkConfig& config, const LeaseKey& own, uint32_t mtu,
                                   bool ip_masq) {
  flannel::SubnetEnv env;
  if (config.ipv4 && own.subnet) {
    env.networks = {config.ipv4->network};
    env.subnet = gateway_in(*own.subnet);
  }
  if (config.ipv6 && own.ipv6_subnet) {
    env.ipv6_networks = {config.ipv6->network};
    env.ipv6_subnet = gateway_in(*own.ipv6_subnet);
  }
  env.mtu = mtu;
  env.ip_masq = ip_masq;
  return env;
}

bool write_subnet_file(const std::string& path, const flannel::SubnetEnv& env) {
  const std::string text = env.format();
  if (base::read_file(path, kMaxSubnetBytes) == text) return false;
  base::make_parent_directory(path, kRunDirectoryMode);
  base::write_file_atomic(path, text, kSubnetFileMode);
  return true;
}

}  // namespace flanneld
