#include "flanneld/commands/doctor_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/netlink/bridge.h"

namespace flanneld {
namespace {

using State = Finding::State;

std::string list(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

/// The MTUs that are known, as text.
std::string describe(const MtuFacts& facts) {
  std::vector<std::string> known;
  if (facts.external) known.push_back(fmt::format("interface {}", *facts.external));
  for (const auto& device : facts.devices) known.push_back(fmt::format("{} {}", device.name, device.mtu));
  if (facts.pods) known.push_back(fmt::format("FLANNEL_MTU {}", *facts.pods));
  if (facts.bridge) known.push_back(fmt::format("cni0 {}", *facts.bridge));
  return known.empty() ? "nothing to compare yet" : list(known);
}

/// Where an MTU is larger than what carries it.
std::vector<std::string> find_misfits(const MtuFacts& facts) {
  std::vector<std::string> misfits;
  for (const auto& device : facts.devices) {
    if (facts.external && device.mtu + device.overhead > *facts.external)
      misfits.push_back(fmt::format("{} and its overhead of {} bytes do not fit the interface", device.name,
                                    device.overhead));
    if (facts.pods && *facts.pods > device.mtu)
      misfits.push_back(fmt::format("FLANNEL_MTU does not fit {}", device.name));
  }
  if (facts.devices.empty() && facts.external && facts.pods && *facts.pods > *facts.external)
    misfits.emplace_back("FLANNEL_MTU does not fit the interface");
  return misfits;
}

}  // namespace

Finding check_ipv6(const std::vector<std::string>& off) {
  Finding finding{.state = State::ok, .name = "IPv6", .finding = "it is switched off nowhere"};
  if (off.empty()) return finding;
  std::vector<std::string> settings, links;
  for (const std::string& name : off) {
    settings.push_back(fmt::format("net/ipv6/conf/{}/disable_ipv6", name));
    finding.repairs.push_back({Repair::Kind::set_sysctl, settings.back(), "0"});
    if (name != "all" && name != "default") links.push_back(base::quoted(name));
  }
  finding.state = links.empty() ? State::warn : State::fail;
  finding.finding = fmt::format(
      "{} {} 1: {}", fmt::join(settings, ", "), settings.size() == 1 ? "is" : "are",
      links.empty()
          ? "links that are made come without IPv6, unless flannel makes them and /proc/sys can be written"
          : fmt::format("the pods' IPv6 needs it at {}", list(links)));
  finding.advice = fmt::format("sysctl -w {}=0, and put it into /etc/sysctl.d to last; then restart flanneld",
                               fmt::join(settings, "=0 "));
  return finding;
}

Finding check_bridge_filter(const std::optional<std::string>& value) {
  constexpr const char* kName = "bridge netfilter";
  if (value && *value != "0")
    return {.state = State::ok, .name = kName, .finding = "bridge-nf-call-iptables is on"};
  const Repair repair{Repair::Kind::set_sysctl, "net/bridge/bridge-nf-call-iptables", "1"};
  return {.state = State::warn,
          .name = kName,
          .finding =
              fmt::format("{}: with kube-proxy, a pod may not reach a service whose pod is on the same node",
                          value ? "bridge-nf-call-iptables is off" : "module br_netfilter is not loaded"),
          .advice = value ? "sysctl -w net.bridge.bridge-nf-call-iptables=1" : "modprobe br_netfilter",
          .repairs = value ? std::vector<Repair>{repair} : std::vector<Repair>{}};
}

Finding check_interface(const InterfaceChoice& choice, const InterfaceChoice& anew,
                        const std::string& candidates) {
  constexpr const char* kName = "external interface";
  if (!choice.chosen)
    return {.state = State::fail,
            .name = kName,
            .finding = fmt::format("none serves: {}; candidates: {}", choice.reasons(), candidates),
            .advice =
                "say which one to use with --iface, --iface-regex, --iface-cidr, --iface-can-reach or "
                "--public-ip"};
  const ExternalInterface& chosen = *choice.chosen;
  std::string text = base::quoted(chosen.name);
  const auto out = std::back_inserter(text);
  for (const auto& ip : {chosen.ipv4, chosen.ipv6})
    if (ip) fmt::format_to(out, " {}", *ip);
  for (const auto& ip : {chosen.public_ipv4, chosen.public_ipv6})
    if (ip && ip != chosen.ipv4 && ip != chosen.ipv6) fmt::format_to(out, ", public {}", *ip);
  fmt::format_to(out, ", MTU {}, by {}", chosen.mtu, chosen.rule);
  if (!choice.rejected.empty()) fmt::format_to(out, " (not by {})", choice.reasons());
  if (anew.chosen && (anew.chosen->name != chosen.name || anew.chosen->ipv4 != chosen.ipv4 ||
                      anew.chosen->ipv6 != chosen.ipv6))
    fmt::format_to(out, "; it is kept while it serves, the choice would now be {}", anew.chosen->describe());
  fmt::format_to(out, "; candidates: {}", candidates);
  return {.state = State::ok, .name = kName, .finding = std::move(text)};
}

Finding check_mtu(const MtuFacts& facts) {
  Finding finding{.state = State::ok, .name = "MTU", .finding = describe(facts)};
  if (const auto misfits = find_misfits(facts); !misfits.empty()) {
    finding.state = State::fail;
    finding.finding =
        fmt::format("{}: {}; large packets are turned back or lost", finding.finding, list(misfits));
    finding.advice = "restart flanneld, then drain the node: new pods get the MTU of those that run";
  } else if (facts.bridge && facts.pods && *facts.bridge != *facts.pods) {
    finding.state = State::warn;
    finding.finding = fmt::format("{}: cni0 has not FLANNEL_MTU", finding.finding);
    finding.advice =
        "pods on one bridge have to agree, so that new ones get the MTU of those that run; FLANNEL_MTU holds "
        "once none is left (on a bridge that others use too, when its MTU is set by hand)";
  }
  return finding;
}

Finding check_udp_port(const UdpPortFacts& facts) {
  Finding finding{.state = State::ok, .name = fmt::format("UDP port {}", facts.port)};
  const std::string list = facts.kind == "VXLAN" ? "ip -d link show type vxlan" : "wg show";
  if (facts.owner && facts.kind == "WireGuard" && facts.owner->ends_with("(wireguard-go)")) {
    finding.finding = fmt::format("process {} receives on it", *facts.owner);
  } else if (facts.owner) {
    finding.state = State::fail;
    finding.finding = fmt::format("process {} has taken it", *facts.owner);
    finding.advice = "stop it, or set another Port in the backend of every node";
  } else if (!facts.down.empty()) {
    finding.state = State::fail;
    finding.finding = fmt::format("'{}' is down and does not receive on it{}", facts.down,
                                  facts.is_bound ? fmt::format(": another {} device does", facts.kind) : "");
    finding.advice = facts.is_bound
                         ? fmt::format(
                               "see `{}`: remove the other, or set another Port in the backend of "
                               "every node",
                               list)
                         : fmt::format("ip link set {} up; flanneld does so while it runs", facts.down);
    if (!facts.is_bound) finding.repairs = {{Repair::Kind::set_link_up, facts.down}};
  } else if (facts.is_bound) {
    finding.finding = fmt::format("the kernel's {} receives on it", facts.kind);
  } else if (facts.has_device) {
    finding.state = State::fail;
    finding.finding = fmt::format("no {} device receives on it", facts.kind);
    finding.advice = fmt::format("is the device up? see `{}`", list);
  } else {
    finding.finding = "free; there is no VXLAN device of flannel";
  }
  return finding;
}

Finding check_wireguard(bool by_kernel, const std::string& program) {
  Finding finding{.state = State::ok, .name = "wireguard", .finding = "the kernel can serve this backend"};
  if (!by_kernel && !program.empty())
    finding.finding = fmt::format("{} can serve this backend; the kernel has no WireGuard", program);
  else if (!by_kernel)
    finding.finding =
        "this backend cannot be used: the kernel has no WireGuard, and Debian's package wireguard-go is not "
        "installed";
  return finding;
}

Finding check_bridge_address(const std::optional<std::vector<base::IpNet>>& addresses,
                             const flannel::SubnetEnv& env, size_t ports, bool is_up) {
  Finding finding{.state = State::ok, .name = "bridge", .finding = "cni0 has the node's subnet"};
  if (!addresses) {
    finding.finding = "there is no cni0 yet; the first pod makes it";
    return finding;
  }
  for (const auto& wanted : {env.subnet, env.ipv6_subnet}) {
    if (!wanted || std::find(addresses->begin(), addresses->end(), *wanted) != addresses->end()) continue;
    std::vector<base::IpNet> actual = *addresses;
    std::erase_if(actual, [&](const base::IpNet& net) {
      return net.address.family() != wanted->address.family() || net.address.is_link_local();
    });
    finding.state = State::fail;
    finding.finding =
        fmt::format("cni0 has {}, and subnet.env says {}",
                    actual.empty() ? "no address" : fmt::format("{}", fmt::join(actual, ", ")), *wanted);
    finding.advice = ports == 0
                         ? "no pod is on it: `ip link delete cni0`, and the next pod makes it anew"
                         : "the node's subnet has changed: restart the pods, then `ip link delete cni0`";
    if (ports == 0) finding.repairs = {{Repair::Kind::remove_link, "cni0"}};
    return finding;
  }
  // Without pods an ADD sets it up.
  if (!is_up && ports > 0)
    return {.state = State::fail,
            .name = finding.name,
            .finding = "cni0 is down: its pods are cut off",
            .advice = "ip link set cni0 up",
            .repairs = {{Repair::Kind::set_link_up, "cni0"}}};
  return finding;
}

Finding check_room(const std::optional<flannel::PodAddresses>& addresses, size_t bridge_ports) {
  Finding finding{
      .state = State::ok, .name = "room for pods", .finding = "not known: the leases cannot be read"};
  if (addresses)
    finding.finding = fmt::format("{} of {} addresses of {} are held", addresses->held, addresses->usable,
                                  addresses->subnet);
  if (bridge_ports >= netlink::kMaxBridgePorts) {
    finding.state = State::warn;
    finding.finding = fmt::format("cni0 has {} ports, and the kernel allows no more than {}", bridge_ports,
                                  netlink::kMaxBridgePorts);
    finding.advice = "have fewer pods on this node (the kubelet's maxPods)";
  } else if (addresses && addresses->is_full()) {
    finding.state = State::warn;
    finding.advice =
        fmt::format("new pods wait until one is deleted; if fewer pods run, see who holds addresses in {}",
                    flannel::kLeaseDirectory);
  }
  return finding;
}

std::vector<Finding> check_pod_ports(const PodPortFacts& facts) {
  constexpr const char* kName = "pod ports";
  constexpr size_t kNamed = 10;
  std::vector<Finding> findings;
  for (const std::string& one : facts.lacks)
    findings.push_back({State::warn, kName, one, "use a kernel that can, or trust the pods"});
  for (size_t i = 0; i < std::min(facts.open.size(), kNamed); ++i)
    findings.push_back({State::warn, kName,
                        fmt::format("what comes by {} is not checked: {}", base::quoted(facts.open[i].port),
                                    facts.open[i].reason)});
  if (facts.open.size() > kNamed)
    findings.push_back({State::warn, kName, fmt::format("so for {} more", facts.open.size() - kNamed)});
  if (findings.empty())
    findings.push_back({State::ok, kName,
                        fmt::format("{} of {} are kept to their pods' addresses", facts.ports, facts.ports)});
  return findings;
}

std::optional<Finding> check_driver(const std::string& link, const std::string& driver, bool has_vxlan) {
  if (!has_vxlan || driver != "vmxnet3") return std::nullopt;
  return Finding{
      .state = State::warn,
      .name = "driver",
      .finding = fmt::format("{} is VMware's vmxnet3: some versions lose the checksums inside VXLAN, and NSX "
                             "drops UDP port 8472",
                             base::quoted(link)),
      .advice =
          "if pings pass between nodes' pods and TCP does not, set \"ChecksumOffload\": false in the "
          "backend, under NSX another Port, or use host-gw"};
}

}  // namespace flanneld
