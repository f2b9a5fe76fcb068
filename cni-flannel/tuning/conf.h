// What `tuning` is to change. Contract: the reference's plugins/meta/tuning. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/mac.h"
#include "common/cni/request.h"
#include "common/netlink/link_settings.h"

namespace flannel::tuning {

struct Conf {
  std::map<std::string, std::string> sysctls;  ///< by the key as written
  std::optional<base::MacAddress> mac = {};
  uint32_t mtu = 0;  ///< bytes; 0: stays
  netlink::LinkSettings link = {};
  std::string data_dir = {};  ///< where former values are kept

  /// Whether a value of the interface changes, which DEL gives back.
  [[nodiscard]] bool changes_link() const { return mac || mtu != 0 || link != netlink::LinkSettings(); }
};

/// Reads the configuration, CNI_ARGS, `runtimeConfig` and `args.cni`, each of which overrides what is before
/// it. Throws cni::Error or base::ParseError that names the key.
Conf parse_conf(const cni::Request& request);

/// `dataDir` alone, for DEL.
std::string data_dir(const cni::Request& request);

/// The setting below /proc/sys that a key means: "net.ipv4.conf.IFNAME.arp_filter" and "net/ipv4/..." alike.
/// Throws cni::Error(invalid_config) for one that is not below net/, where the settings of pods are.
std::string setting_name(const std::string& key, const std::string& ifname);

/// Throws cni::Error(invalid_config) for the first key that no line of `allowed`, regular expressions as of
/// grep -E, matches.
void check_allowed(const Conf& conf, std::string_view allowed);

}  // namespace flannel::tuning
