#include "flanneld/commands/doctor.h"

#include <linux/netlink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/netlink/address.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/vxlan.h"
#include "flanneld/io/http_get.h"
#include "flanneld/io/url.h"
#include "flanneld/options/flags.h"
#include "flanneld/traffic/forward_policy.h"
#include "flanneld/traffic/iptables_programs.h"
#include "flanneld/traffic/traffic_plan.h"

namespace flanneld {
namespace {

using base::Family;
using State = Finding::State;

constexpr const char* kCniConfDir = "/etc/cni/net.d";
constexpr const char* kCniBinDir = "/opt/cni/bin";
constexpr uint16_t kVxlanPort = 8472;
constexpr size_t kMaxFileBytes = 1 << 20, kMaxProcBytes = 16 << 20;

/// "1234 (name)" of a process that has one of the sockets; as far as this process may look.
std::optional<std::string> find_socket_owner(const std::vector<std::string>& inodes) {
  const base::UniqueFd proc = inodes.empty() ? base::UniqueFd() : base::open_directory("/proc");
  if (!proc.valid()) return std::nullopt;
  for (const std::string& pid : base::list_directory(proc.get())) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string process = "/proc/" + pid;
    try {
      const base::UniqueFd fds = base::open_directory(process + "/fd");
      if (!fds.valid()) continue;
      for (const std::string& fd : base::list_directory(fds.get())) {
        std::array<char, 64> link{};
        const ssize_t length = ::readlinkat(fds.get(), fd.c_str(), link.data(), link.size());
        const std::string_view target(link.data(), length > 0 ? static_cast<size_t>(length) : 0);
        for (const std::string& inode : inodes) {
          if (target != "socket:[" + inode + "]") continue;
          std::string name = base::read_file(process + "/comm", kMaxFileBytes).value_or("");
          return pid + " (" + name.substr(0, name.find('\n')) + ")";
        }
      }
    } catch (const base::SystemError&) {
      continue;  // it has just ended, or is not ours to look at
    }
  }
  return std::nullopt;
}

/// The checks of one run, and what several of them look at.
class Examination {
 public:
  explicit Examination(const Options& options) : options_(options) {}

  std::vector<Finding> run() {
    attempt("subnet file", [&] { subnet_file(); });
    attempt("forwarding", [&] { forwarding(); });
    attempt("external interface", [&] { interface(); });
    attempt("devices", [&] { devices(); });
    attempt("other filters", [&] { forward_policy(); });
    attempt("network configuration", [&] { add(judge_cni(read_cni())); });
    attempt("agent", [&] { agent(); });
    attempt("etcd", [&] { etcd(); });
    return std::move(findings_);
  }

 private:
  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  template <class Check>
  void attempt(const std::string& name, Check&& check) {
    try {
      check();
    } catch (const base::SystemError& error) {
      const bool denied = error.error_number() == EPERM || error.error_number() == EACCES;
      add({State::warn, name, std::string("cannot look: ") + error.what(), denied ? "run this as root" : ""});
    }
  }

  void subnet_file() {
    const std::string& path = options_.subnet_file;
    try {
      const auto text = base::read_file(path, kMaxFileBytes);
      if (!text) {
        add({State::fail, "subnet file", "there is no '" + path + "': no pod can start",
             "flanneld writes it when it has a lease; its log says what it waits for"});
        return;
      }
      env_ = flannel::SubnetEnv::parse(*text, path);
      add({State::ok,
           "subnet file",
           "'" + path + "'" + (env_->subnet ? " " + env_->subnet->network().str() : "") +
               (env_->ipv6_subnet ? " " + env_->ipv6_subnet->network().str() : ""),
           {}});
    } catch (const base::ParseError& error) {
      add({State::fail, "subnet file", error.what(), "remove it and restart flanneld, which writes it anew"});
    }
  }

  [[nodiscard]] bool uses(Family family) const {
    if (!env_) return family == Family::v4;
    return family == Family::v4 ? env_->subnet.has_value() : env_->ipv6_subnet.has_value();
  }

  void forwarding() {
    if (uses(Family::v4)) add(judge_forwarding(Family::v4, netlink::read_sysctl("net/ipv4/ip_forward")));
    if (uses(Family::v6))
      add(judge_forwarding(Family::v6, netlink::read_sysctl("net/ipv6/conf/all/forwarding")));
    add(judge_bridge_filter(netlink::read_sysctl("net/bridge/bridge-nf-call-iptables")));
  }

  void interface() {
    InterfaceRequest request;
    request.ipv4 = uses(Family::v4);
    request.ipv6 = uses(Family::v6);
    request.iface = options_.iface;
    request.iface_regex = options_.iface_regex;
    request.can_reach = options_.iface_can_reach;
    request.public_ip = options_.public_ip;
    request.public_ipv6 = options_.public_ipv6;
    const InterfaceChoice choice = choose_external_interface(read_host_network(route_), request);
    if (choice.chosen) mtu_.external = choice.chosen->mtu;
    add(judge_interface(choice));
  }

  void devices() {
    bool has_bridge = false, has_device = false;
    uint16_t port = kVxlanPort;
    std::vector<base::IpNet> addresses;
    for (const netlink::Link& link : netlink::all_links(route_)) {
      if (link.kind == "vxlan" && link.name.starts_with("flannel")) {
        has_device = true;
        mtu_.devices.push_back({link.name, link.mtu});
        if (const auto state = netlink::find_vxlan(route_, link.name); state && state->actual.port != 0)
          port = state->actual.port;
      }
      if (link.name != kPodBridge) continue;
      has_bridge = true;
      mtu_.bridge = link.mtu;
      for (const netlink::Address& address : netlink::addresses_of(route_, link))
        addresses.push_back(address.net);
    }
    if (env_) mtu_.pods = env_->mtu;
    add(judge_mtu(mtu_));
    const auto inodes =
        inodes_of_port(port, base::read_file("/proc/net/udp", kMaxProcBytes).value_or("") +
                                 base::read_file("/proc/net/udp6", kMaxProcBytes).value_or(""));
    add(judge_udp_port(port, has_device, !inodes.empty(), find_socket_owner(inodes)));
    if (env_) add(judge_bridge_address(addresses, has_bridge, *env_));
  }

  /// Networks to ask about, without a subnet file all of IPv4.
  [[nodiscard]] TrafficSpec traffic() const {
    TrafficSpec spec;
    if (!env_) spec.networks.push_back({base::default_route(Family::v4), base::default_route(Family::v4)});
    if (env_ && env_->subnet && !env_->networks.empty())
      spec.networks.push_back({env_->networks.front(), *env_->subnet});
    if (env_ && env_->ipv6_subnet && !env_->ipv6_networks.empty())
      spec.networks.push_back({env_->ipv6_networks.front(), *env_->ipv6_subnet});
    return spec;
  }

  void forward_policy() {
    const auto plans = plan_traffic(traffic());
    auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
    std::vector<Obstacle> obstacles = find_nft_obstacles(socket, plans);
    for (const TrafficPlan& plan : plans)
      if (has_legacy_tables(plan.family) && has_iptables(plan.family, IptablesVariant::legacy))
        if (auto one = find_obstacle(save_iptables(plan.family, IptablesVariant::legacy), plan.family))
          obstacles.push_back(std::move(*one));
    if (obstacles.empty()) add({State::ok, "other filters", "none drops what pods send to other nodes", {}});
    for (const Obstacle& one : obstacles) add({State::fail, "other filters", one.finding, one.advice});
  }

  static std::optional<CniFiles> read_cni() {
    const base::UniqueFd conf_dir = base::open_directory(kCniConfDir);
    if (!conf_dir.valid()) return std::nullopt;
    std::vector<std::string> names = base::list_directory(conf_dir.get());
    std::erase_if(names, [](const std::string& name) {
      return !name.ends_with(".conf") && !name.ends_with(".conflist") && !name.ends_with(".json");
    });
    if (names.empty()) return std::nullopt;
    std::sort(names.begin(), names.end());
    CniFiles files;
    files.first = names.front();
    files.text = base::read_file(std::string(kCniConfDir) + "/" + files.first, kMaxFileBytes).value_or("");
    files.others.assign(names.begin() + 1, names.end());
    if (const base::UniqueFd bin_dir = base::open_directory(kCniBinDir); bin_dir.valid())
      files.programs = base::list_directory(bin_dir.get());
    return files;
  }

  void agent() {
    if (!options_.status_listen) return;
    const ListenAddress& listen = *options_.status_listen;
    const auto reply = http_get({listen.ip.str(), listen.port}, "/readyz");
    if (!reply) {
      add({State::fail, "agent", "flanneld does not answer at " + listen.str(),
           "start it, or name its address with --status-listen"});
    } else if (reply->status != 200) {
      const std::string why = reply->body.substr(0, reply->body.find('\n'));
      add({State::fail, "agent", "answers " + std::to_string(reply->status) + ": " + why,
           "see `flanneld status`"});
    } else {
      add({State::ok, "agent", "flanneld is ready", {}});
    }
  }

  void etcd() {
    if (!options_.lease_dir.empty()) return;
    std::vector<Finding> unreachable;
    bool is_any_reachable = false;
    for (const std::string& given : options_.etcd_endpoints) {
      const std::string url = without_userinfo(given);
      const auto endpoint = parse_endpoint(url);
      const auto failure =
          endpoint ? connect_failure(*endpoint) : std::optional<std::string>("it is no http or https URL");
      if (failure) {
        unreachable.push_back(
            {State::fail, "etcd", url + ": " + *failure, "is it up, and does --etcd-endpoints name it?"});
        continue;
      }
      is_any_reachable = true;
      add({State::ok, "etcd", url + " accepts connections", {}});
    }
    for (Finding& one : unreachable) {
      if (is_any_reachable) one.state = State::warn;  // one is enough
      add(std::move(one));
    }
  }

  const Options& options_;
  std::vector<Finding> findings_;
  std::optional<flannel::SubnetEnv> env_;
  MtuFacts mtu_;
  netlink::NetlinkSocket route_ = netlink::NetlinkSocket::open();
};

}  // namespace

int run_doctor(const Options& options) {
  const auto& words = options.words;
  const bool as_json = words.size() == 3 && words[1] == "-o" && words[2] == "json";
  if (words.size() != 1 && !as_json) throw UsageError("usage: flanneld [flags] doctor [-o json]");
  const auto findings = Examination(options).run();
  std::fputs((as_json ? findings_json(findings) : findings_text(findings)).c_str(), stdout);
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& one) { return one.state == State::fail; })
             ? 1
             : 0;
}

}  // namespace flanneld
