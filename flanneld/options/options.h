// What the operator asked flanneld to do: the command line goes before the environment, that before the file
// of --config, and that before the defaults. Pure but for the injected file reader.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/io/listen_address.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/options/flags.h"

namespace flanneld {

/// What the environment says beside the flags, of a pod that runs in Kubernetes.
struct KubeEnvironment {
  std::string node_name;                   ///< NODE_NAME
  std::string pod_name, pod_namespace;     ///< POD_NAME, POD_NAMESPACE
  std::string service_host, service_port;  ///< KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT
  std::string https_proxy, http_proxy, no_proxy;
};

struct Options {
  std::string config;          ///< path of the file; empty: none
  std::string network_config;  ///< the file's network configuration as JSON; empty: none
  std::string lease_dir;       ///< empty: the leases are in etcd

  std::vector<std::string> etcd_endpoints;  ///< URLs with scheme, without a slash at the end
  std::string etcd_discovery_srv;           ///< a domain; not empty: there are no endpoints
  std::string etcd_prefix;
  std::string etcd_keyfile, etcd_certfile, etcd_cafile;
  std::string etcd_username, etcd_password;  ///< both or none

  bool kube_subnet_mgr = false;  ///< the leases are in Kubernetes
  std::string kube_api_url, kubeconfig_file, kube_annotation_prefix, net_config_path;
  bool set_node_network_unavailable = true;
  KubeEnvironment kube_environment;
  std::optional<std::string> wireguard_key_file;  ///< WIREGUARD_KEY_FILE; nullopt: not set

  std::vector<std::string> iface, iface_regex;
  std::vector<base::IpNet> iface_cidr;
  std::optional<base::IpAddress> iface_can_reach, public_ip, public_ipv6;

  std::string subnet_file;
  std::string state_file;  ///< empty: the leases last seen are not saved
  std::string cni_conf;    ///< the container runtime's network configuration; empty: somebody else's business
  std::string cni_conf_source;
  std::chrono::minutes subnet_lease_renew_margin{};
  Families ip_masq = {};
  std::vector<base::IpNet> no_masquerade;  ///< destinations
  bool ip_masq_fully_random_disable = false;
  bool iptables_forward_rules = false;
  std::chrono::seconds iptables_resync{};
  bool ip_blackhole_route = false;
  std::vector<base::IpNet> pod_sources;     ///< that pods may send from beside the node's subnet
  std::vector<base::IpNet> tunnel_sources;  ///< of nodes without a lease that may send into the tunnel
  bool no_subnet = false;                   ///< routes to the pods of other nodes, and has none itself
  std::chrono::seconds probe_interval{};    ///< between probes of a peer; 0: none
  bool heal = true;                         ///< undo what others change in the kernel

  std::optional<base::IpAddress> healthz_ip;
  uint16_t healthz_port = 0;
  std::optional<ListenAddress> healthz, status_listen;  ///< nullopt: no server
  int verbosity = 0;

  bool help = false, version = false;  ///< asked for; nothing else is filled in then
  std::vector<std::string> words;      ///< a command and its arguments: "status", "-o", "json"
  std::vector<std::string> warnings;   ///< mistakes that are ignored, to be logged
  FlagValues flags;                    ///< those that were set, secrets too
  std::vector<std::string> settings;   ///< "etcd-prefix='/x' (--etcd-prefix)" per flag that was set

  [[nodiscard]] NetworkConfig::Subnets who_chooses_subnets() const {
    return kube_subnet_mgr ? NetworkConfig::Subnets::assigned : NetworkConfig::Subnets::chosen;
  }
  /// The settings as one line for the log. Never holds a secret.
  [[nodiscard]] std::string describe() const;
  /// The flags that were set, as texts that mean the same. Without secrets, and without passwords in URLs.
  [[nodiscard]] std::map<std::string, std::vector<std::string>> public_flags() const;
};

using Environment = std::map<std::string, std::string>;
/// nullopt when there is no such file.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

/// Reads `arguments`, which do not include the program's name. A text of the wrong form in the environment is
/// a warning, as in upstream; every other mistake throws UsageError.
Options parse_options(const std::vector<std::string>& arguments, const Environment& environment,
                      const FileReader& read_file);

/// The options with `others` where no flag was set. Throws UsageError.
Options complete_options(const Options& options, FlagValues others);

/// The text of --help.
std::string usage();

}  // namespace flanneld
