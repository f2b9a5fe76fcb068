#include "flanneld/commands/doctor.h"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/printable.h"
#include "common/base/text.h"
#include "common/json/json.h"
#include "common/netlink/address.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/vxlan.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/udp.h"
#include "flanneld/commands/doctor_backends.h"
#include "flanneld/commands/doctor_checks.h"
#include "flanneld/commands/doctor_forwarding.h"
#include "flanneld/commands/doctor_reads.h"
#include "flanneld/commands/doctor_repair.h"
#include "flanneld/commands/doctor_report.h"
#include "flanneld/commands/doctor_routed.h"
#include "flanneld/commands/doctor_runtime.h"
#include "flanneld/commands/doctor_servers.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/commands/udp_port.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/node_facts.h"
#include "flanneld/kernel/reverse_path.h"
#include "flanneld/kernel/wireguard_access.h"
#include "flanneld/node/candidates.h"
#include "flanneld/options/flags.h"
#include "flanneld/options/interface_request.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/input_policy.h"
#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {
namespace {

using base::Family;
using State = Finding::State;

constexpr size_t kMaxFileBytes = 1 << 20;

/// Which networks the node has by subnet.env. Without that file, all of IPv4.
TrafficSpec traffic_of(const std::optional<flannel::SubnetEnv>& env) {
  TrafficSpec spec;
  if (!env) spec.networks.push_back({base::default_route(Family::v4), base::default_route(Family::v4)});
  if (env && env->subnet && !env->networks.empty())
    spec.networks.push_back({env->networks.front(), *env->subnet});
  if (env && env->ipv6_subnet && !env->ipv6_networks.empty())
    spec.networks.push_back({env->ipv6_networks.front(), *env->ipv6_subnet});
  return spec;
}

std::vector<base::IpNet> subnets_of(const flannel::SubnetEnv& env) {
  std::vector<base::IpNet> subnets;
  for (const auto& subnet : {env.subnet, env.ipv6_subnet})
    if (subnet) subnets.push_back(*subnet);
  return subnets;
}

/// As far as a node without the network configuration knows: its own part of the pod network.
std::vector<FamilyConfig> own_subnets(const flannel::SubnetEnv& env) {
  std::vector<FamilyConfig> own;
  for (const base::IpNet& gateway : subnets_of(env)) {
    const base::IpNet net = gateway.network();
    own.push_back({net, net.prefix, net.address, net.address});
  }
  return own;
}

/// One run: looks at the machine and has each part checked.
class Examination {
 public:
  /// `agent`: the status of the agent that runs with these options; nullopt: there is none.
  Examination(const Options& options, std::optional<json::Value> agent)
      : options_(options), agent_(std::move(agent)) {}

  std::vector<Finding> run() {
    attempt("subnet file", [&] { subnet_file(); });
    attempt("forwarding", [&] { forwarding(); });
    attempt("external interface", [&] { interface(); });
    attempt("devices", [&] { devices(); });
    if (env_) attempt("pod ports", [&] { pod_ports(); });
    attempt("way back", [&] { way_back(); });
    if (env_)
      attempt("routed pods", [&] { add(check_routed_pods(read_routed_pods(route_, subnets_of(*env_)))); });
    attempt("other filters", [&] { other_filters(); });
    attempt("network configuration", [&] { findings_.push_back(check_cni(read_cni_files())); });
    attempt("container runtime", [&] { findings_.push_back(check_runtime_watch(read_runtime_watches())); });
    attempt("agent", [&] { add(check_agent(options_, agent_)); });
    findings_.push_back(check_backends(read_backend_facts()));
    attempt("lease store", [&] { add(check_servers(options_)); });
    return std::move(findings_);
  }

 private:
  void add(State state, const char* name, std::string finding, std::string advice = "") {
    findings_.push_back({state, name, std::move(finding), std::move(advice)});
  }

  void add(std::vector<Finding> findings) {
    std::move(findings.begin(), findings.end(), std::back_inserter(findings_));
  }

  template <class Check>
  void attempt(const char* name, Check&& check) {
    try {
      check();
    } catch (const base::SystemError& error) {
      const bool denied = error.error_number() == EPERM || error.error_number() == EACCES;
      add(State::warn, name, fmt::format("cannot look: {}", error.what()), denied ? "run this as root" : "");
    }
  }

  void subnet_file() {
    constexpr const char* kName = "subnet file";
    const std::string& path = options_.subnet_file;
    const auto text = base::read_file(path, kMaxFileBytes);
    if (!text && options_.no_subnet) return add(State::ok, kName, "none, as --no-subnet says");
    if (!text)
      return add(State::fail, kName, fmt::format("there is no {}: no pod can start", base::quoted(path)),
                 agent_ && json::get_bool(*agent_, "ready", "")
                     ? "somebody has removed it since flanneld wrote it, and --heal is off, or it cannot be "
                       "written: "
                       "flanneld status says so; restart flanneld"
                     : "flanneld writes it when it has a lease; its log says what it waits for");
    try {
      env_ = flannel::SubnetEnv::parse(*text, path);
    } catch (const base::ParseError& error) {
      return add(State::fail, kName, error.what(), "remove it and restart flanneld, which writes it again");
    }
    std::string seen = base::quoted(path);
    for (const auto& subnet : {env_->subnet, env_->ipv6_subnet})
      if (subnet) seen = fmt::format("{} {}", seen, subnet->network());
    add(State::ok, kName, seen);
  }

  [[nodiscard]] bool uses(Family family) const {
    if (!env_) return family == Family::v4;
    return family == Family::v4 ? env_->subnet.has_value() : env_->ipv6_subnet.has_value();
  }

  void forwarding() {
    const auto files = read_sysctl_files();
    const bool has_pods = netlink::find_link(route_, kPodBridge) ||
                          (env_ && !read_routed_pods(route_, subnets_of(*env_)).links.empty());
    const Pods pods = has_pods ? Pods::some : Pods::none;
    for (const auto& [family, path] : {std::pair(Family::v4, "net/ipv4/ip_forward"),
                                       std::pair(Family::v6, "net/ipv6/conf/all/forwarding")})
      if (uses(family))
        findings_.push_back(check_forwarding(family, netlink::read_sysctl(path), pods, files));
    findings_.push_back(check_bridge_filter(netlink::read_sysctl("net/bridge/bridge-nf-call-iptables")));
  }

  void interface() {
    InterfaceRequest request = interface_request(options_);
    request.ipv4 = uses(Family::v4);
    request.ipv6 = uses(Family::v6);
    if (env_) request.pod_networks = own_subnets(*env_);
    const HostNetwork host = read_node_network(route_);
    const InterfaceChoice anew = choose_external_interface(host, request);
    if (agent_) request.in_use = interface_of(*agent_, host);
    const InterfaceChoice choice = choose_external_interface(host, request);
    if (choice.chosen) {
      uplinks_ = read_uplinks(route_, choice.chosen->ifindex);
      if (const auto link = netlink::find_link(route_, choice.chosen->ifindex)) uplink_ = *link;
    }
    findings_.push_back(check_interface(choice, anew, describe_candidates(host, request)));
  }

  void devices() {
    const DeviceFacts facts = read_devices(route_, uplinks_);
    tunnels_ = facts.tunnels;
    if (auto finding = check_driver(uplink_.name, read_driver(uplink_.name), facts.has_vxlan))
      findings_.push_back(*finding);
    MtuFacts mtu = facts.mtu;
    if (uplink_.ifindex != 0) mtu.external = uplink_.mtu;
    if (env_) mtu.pods = env_->mtu;
    findings_.push_back(check_mtu(mtu));
    if (uses(Family::v6)) {
      std::vector<std::string> needed{kPodBridge};
      if (const auto tunnel = tunnels_.find(Family::v6); tunnel != tunnels_.end())
        needed.push_back(tunnel->second.link);
      findings_.push_back(check_ipv6(read_ipv6_off(std::move(needed))));
    }
    findings_.push_back(check_udp_port(facts.udp));
    findings_.push_back(
        check_wireguard(netlink::WireguardSocket::open().has_value(), find_wireguard_program()));
    if (!env_) return;
    findings_.push_back(
        check_bridge_address(facts.bridge_addresses, *env_, facts.bridge_ports, facts.bridge_is_up));
    findings_.push_back(check_room(flannel::count_pod_addresses(subnets_of(*env_)), facts.bridge_ports));
  }

  void pod_ports() {
    const auto bridge = netlink::find_link(route_, kPodBridge);
    if (!bridge) return;
    add(check_pod_ports(read_pod_ports(route_, *bridge, subnets_of(*env_))));
  }

  void way_back() {
    constexpr const char* kName = "way back";
    if (const auto lost = options_.no_subnet ? find_lost_answers(route_) : std::nullopt)
      return add(State::fail, kName, lost->finding(), lost->advice());
    if (const auto lost = agent_ && uplink_.ifindex != 0
                              ? find_lost_senders(route_, uplink_, peer_addresses(*agent_))
                              : std::nullopt)
      return add(State::fail, kName, lost->finding(), lost->advice());
    if (options_.no_subnet) add(State::ok, kName, "no rp_filter drops what pods answer");
  }

  void other_filters() {
    constexpr const char* kName = "other filters";
    TrafficSpec spec = traffic_of(env_);
    for (TrafficNetwork& network : spec.networks)
      if (const auto tunnel = tunnels_.find(network.network.address.family()); tunnel != tunnels_.end())
        network.tunnels = {tunnel->second};
    const auto plans = plan_traffic(spec);
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    std::vector<Obstacle> obstacles = find_nft_obstacles(socket, plans);
    for (Obstacle& one : find_nft_input_obstacles(socket, plans)) obstacles.push_back(std::move(one));
    for (const TrafficPlan& plan : plans)
      if (has_legacy_tables(plan.family) && has_iptables(plan.family, IptablesVariant::legacy))
        if (auto one = find_obstacle(save_iptables(plan.family, IptablesVariant::legacy), plan.family))
          obstacles.push_back(std::move(*one));
    if (obstacles.empty()) add(State::ok, kName, "none drops what pods send to other nodes");
    for (const Obstacle& one : obstacles) add(State::fail, kName, one.finding, one.advice);
  }

  const Options& options_;
  std::optional<json::Value> agent_;
  std::vector<Finding> findings_;
  std::optional<flannel::SubnetEnv> env_;
  std::map<Family, Tunnel> tunnels_;
  netlink::Link uplink_;  ///< the external interface; without a name: none
  std::vector<std::string> uplinks_;
  netlink::NetlinkSocket route_ = netlink::NetlinkSocket::open();
};

}  // namespace

int run_doctor(const Options& options) {
  const auto& words = options.words;
  const bool as_json = words.size() == 3 && words[1] == "-o" && words[2] == "json";
  const bool fixes = words.size() == 2 && words[1] == "--fix";
  if (words.size() != 1 && !as_json && !fixes)
    throw UsageError("usage: flanneld [flags] doctor [-o json|--fix]");
  const auto agent = ask_agent(options);
  const Options all = with_flags_of(options, agent);
  const auto examine = [&] {
    auto findings = Examination(all, agent).run();
    const std::string text = as_json ? findings_json(findings) : findings_text(findings);
    std::fputs(base::printable(text, "\n").c_str(), stdout);
    return findings;
  };
  auto findings = examine();
  if (fixes && std::any_of(findings.begin(), findings.end(),
                           [](const Finding& one) { return one.state != State::ok; })) {
    carry_out_repairs(findings);
    findings = examine();
  }
  const auto has_failed = [](const Finding& one) { return one.state == State::fail; };
  return std::any_of(findings.begin(), findings.end(), has_failed) ? 1 : 0;
}

}  // namespace flanneld
