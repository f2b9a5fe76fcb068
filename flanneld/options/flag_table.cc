// The flags. README.md shows this table, which a unit test compares.
#include <algorithm>
#include <array>

#include "flanneld/options/flag_meaning.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace flag_meaning {
namespace {

using base::Family;

// name, argument, default, meaning, help
constexpr std::array kFlags{
    Flag{"config", "FILE", "", text<&Options::config>,
         "YAML or JSON file with flags and the network configuration"},
    Flag{"lease-dir", "DIR", "", text<&Options::lease_dir>,
         "keep the leases in this directory and use no server"},

    Flag{"etcd-endpoints", "URL,…", "http://127.0.0.1:4001,http://127.0.0.1:2379",
         servers<&Options::etcd_endpoints>, "etcd servers: any of them, then the others in turn"},
    Flag{"etcd-discovery-srv", "DOMAIN", "", text<&Options::etcd_discovery_srv>,
         "instead of --etcd-endpoints: the servers in the SRV records of _etcd-client-ssl._tcp.DOMAIN and "
         "_etcd-client._tcp.DOMAIN"},
    Flag{"etcd-prefix", "KEY", "/coreos.com/network", text<&Options::etcd_prefix>,
         "where in etcd flannel's keys are"},
    Flag{"etcd-keyfile", "FILE", "", text<&Options::etcd_keyfile>, "TLS client key (PEM)"},
    Flag{"etcd-certfile", "FILE", "", text<&Options::etcd_certfile>, "TLS client certificate (PEM)"},
    Flag{"etcd-cafile", "FILE", "", text<&Options::etcd_cafile>,
         "certificate authority of the etcd servers (PEM)"},
    Flag{"etcd-username", "NAME", "", text<&Options::etcd_username>, "etcd user"},
    Flag{.name = "etcd-password",
         .argument = "TEXT",
         .default_value = "",
         .meaning = text<&Options::etcd_password>,
         .help = "the user's password; better given by FLANNELD_ETCD_PASSWORD, which no process list shows",
         .is_secret = true},

    Flag{"iface", "NAME|IP", "", list<&Options::iface>,
         "interface to reach the peers by; repeatable, the first that serves"},
    Flag{"iface-regex", "REGEX", "", regex_list<&Options::iface_regex>,
         "as --iface, by a match on address, then on name; repeatable, tried after all --iface"},
    Flag{"iface-cidr", "CIDR,…", "", networks<&Options::iface_cidr>,
         "as --iface, the one with an address in CIDR; repeatable, tried after all --iface-regex"},
    Flag{"iface-can-reach", "IP", "", address<&Options::iface_can_reach>,
         "as --iface, the one that the kernel uses toward IP; tried last"},
    Flag{"public-ip", "IP", "", address_of<&Options::public_ip, Family::v4>,
         "IPv4 address that the peers send to"},
    Flag{"public-ipv6", "IP", "", address_of<&Options::public_ipv6, Family::v6>,
         "IPv6 address that the peers send to"},

    Flag{"subnet-file", "FILE", "/run/flannel/subnet.env", path<&Options::subnet_file>,
         "where the node's subnet is written to"},
    Flag{"state-file", "FILE", "/var/lib/flannel/leases.json", text<&Options::state_file>,
         "the leases and the configuration last seen, for a start while the store does not answer and for a "
         "change of the backend; empty: none"},
    Flag{"cni-conf", "FILE", "", text<&Options::cni_conf>,
         "keep this network configuration for the container runtime, from when the node is ready for pods"},
    Flag{"cni-conf-source", "FILE", "/etc/kube-flannel/cni-conf.json", path<&Options::cni_conf_source>,
         "what --cni-conf is a copy of"},
    Flag{"subnet-lease-renew-margin", "MINUTES", "60", number<&Options::subnet_lease_renew_margin, 1, 1439>,
         "renew the lease so long before its end, 1-1439"},

    Flag{"ip-masq", "", "false", families<&Options::ip_masq>,
         "masquerade what leaves the pod network; v4 or v6: of that family alone"},
    Flag{"no-masquerade", "CIDR,…", "", networks<&Options::no_masquerade>,
         "but not what pods send there; repeatable, beside NoMasquerade of the network configuration"},
    Flag{"ip-masq-fully-random-disable", "", "false", boolean<&Options::ip_masq_fully_random_disable>,
         "masquerade without fully random ports"},
    Flag{"iptables-forward-rules", "", "true", boolean<&Options::iptables_forward_rules>,
         "let the pods' packets be forwarded"},
    Flag{"iptables-resync", "SECONDS", "5", number<&Options::iptables_resync, 1, 86400>,
         "how often the rules are checked"},
    Flag{"ip-blackhole-route", "", "false", boolean<&Options::ip_blackhole_route>,
         "keep a blackhole route for the node's own subnet"},
    Flag{"pod-sources", "CIDR,…", "", networks<&Options::pod_sources>,
         "further sources that pods may send from, such as floating addresses; repeatable"},
    Flag{"tunnel-sources", "CIDR,…", "", networks<&Options::tunnel_sources>,
         "further sources of tunnel packets, beside the nodes that hold a lease; repeatable"},
    Flag{"no-subnet", "", "false", boolean<&Options::no_subnet>,
         "route to the other nodes' pods and take no subnet, as a gateway does"},
    Flag{"heal", "", "true", boolean<&Options::heal>,
         "undo what others change in the kernel; false: only report it"},

    Flag{"healthz-ip", "IP", "0.0.0.0", address<&Options::healthz_ip>, "address of the health server"},
    Flag{"healthz-port", "PORT", "0", number<&Options::healthz_port, 0, UINT16_MAX>,
         "port of the health server, 0: none"},
    Flag{"probe-interval", "SECONDS", "30", number<&Options::probe_interval, 0, 86400>,
         "how often each peer is asked for an answer; 0: never"},
    Flag{"status-listen", "IP:PORT", "127.0.0.1:7000", listen<&Options::status_listen>,
         "address of the status server, empty: none"},

    Flag{"kube-subnet-mgr", "", "false", boolean<&Options::kube_subnet_mgr>,
         "the leases are Kubernetes' Nodes; see below"},
    Flag{"kube-api-url", "URL", "", server_or_none<&Options::kube_api_url>,
         "Kubernetes' API server, in the place of the one that pod or kubeconfig name"},
    Flag{"kubeconfig-file", "FILE", "", text<&Options::kubeconfig_file>,
         "kubeconfig with the API server and the credentials; none is needed in a pod"},
    Flag{"kube-annotation-prefix", "PREFIX", "flannel.alpha.coreos.com",
         annotation_prefix<&Options::kube_annotation_prefix>,
         "what the names of the Nodes' annotations begin with"},
    Flag{"net-config-path", "FILE", "/etc/kube-flannel/net-conf.json", path<&Options::net_config_path>,
         "the network configuration with --kube-subnet-mgr"},
    Flag{"set-node-network-unavailable", "", "true", boolean<&Options::set_node_network_unavailable>,
         "keep the Node's condition NetworkUnavailable at False"},

    Flag{"v", "LEVEL", "0", number<&Options::verbosity, 0, INT32_MAX>,
         "how much is logged: 0: what happens; from 1: details too"},
    Flag{"log-format", "FORMAT", "text", log_format,
         "text, or json: each line an object with time, level and message"},
    Flag{"vmodule", "PATTERN", "", unused<FlagKind::text>, "accepted for compatibility, without effect"},
    Flag{"log_backtrace_at", "FILE:LINE", ":0", unused<FlagKind::text>,
         "accepted for compatibility, without effect"},
    Flag{"version", "", "false", unused<FlagKind::boolean>, "print the version and exit"},
};

}  // namespace
}  // namespace flag_meaning

using flag_meaning::kFlags;

std::span<const Flag> all_flags() { return kFlags; }

const Flag* find_flag(std::string_view name) {
  const auto* found =
      std::find_if(kFlags.begin(), kFlags.end(), [&](const Flag& flag) { return name == flag.name; });
  return found == kFlags.end() ? nullptr : found;
}

}  // namespace flanneld
