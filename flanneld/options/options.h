// What the operator asked flanneld to do: command line, over environment, over file, over defaults.
// Pure but for the injected file reader.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/options/flags.h"

namespace flanneld {

struct ListenAddress {
  base::IpAddress ip;
  uint16_t port = 0;
  [[nodiscard]] std::string str() const;
  bool operator==(const ListenAddress&) const = default;
};

struct Options {
  std::string config;          ///< path of the file; empty: none
  std::string network_config;  ///< the file's network configuration as JSON; empty: none
  std::string lease_dir;       ///< empty: the leases are in etcd

  std::vector<std::string> etcd_endpoints;  ///< URLs with scheme, without a slash at the end
  std::string etcd_prefix;
  std::string etcd_keyfile, etcd_certfile, etcd_cafile;
  std::string etcd_username, etcd_password;  ///< both or none

  std::vector<std::string> iface, iface_regex;
  std::optional<base::IpAddress> iface_can_reach, public_ip, public_ipv6;

  std::string subnet_file;
  std::string state_file;                  ///< empty: the leases last seen are not kept
  uint32_t subnet_lease_renew_margin = 0;  ///< minutes
  bool ip_masq = false;
  bool ip_masq_fully_random_disable = false;
  bool iptables_forward_rules = false;
  uint32_t iptables_resync = 0;  ///< seconds
  bool ip_blackhole_route = false;
  bool heal = true;  ///< undo what others change in the kernel

  std::optional<ListenAddress> healthz, status_listen;  ///< nullopt: off
  int verbosity = 0;

  bool help = false, version = false;  ///< asked for; the rest is not filled in then
  std::vector<std::string> words;      ///< a command and its arguments: "status", "-o", "json"
  std::vector<std::string> warnings;   ///< survived mistakes, to be logged
  std::vector<std::string>
      settings;  ///< "etcd-prefix='/x' (--etcd-prefix)" of all that was set, without secrets

  /// The settings as one line for the log. Never holds a secret.
  [[nodiscard]] std::string describe() const;
};

using Environment = std::map<std::string, std::string>;
/// nullopt when there is no such file.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

/// `arguments` without the program's name. A bad form in the environment is a warning, as upstream
/// has it; every other mistake throws UsageError.
Options parse_options(const std::vector<std::string>& arguments, const Environment& environment,
                      const FileReader& read_file);

/// The text of --help.
std::string usage();

}  // namespace flanneld
