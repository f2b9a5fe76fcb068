#include "flanneld/agent/node_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/flannel/names.h"
#include "common/guard/routed.h"
#include "common/netlink/address.h"
#include "common/netlink/sysctl.h"
#include "flanneld/kernel/reverse_path.h"

namespace flanneld {
namespace {

using base::Family;
using flannel::kPodBridge;

constexpr std::chrono::milliseconds kLookEvery{1500};

constexpr const char* kForwardV4 = "net/ipv4/ip_forward";
constexpr const char* kForwardV6 = "net/ipv6/conf/all/forwarding";

/// The plugin names each pod's link "network/containerID/interface".
bool is_pods(const netlink::Link& link) {
  return link.kind == "veth" && std::count(link.alias.begin(), link.alias.end(), '/') == 2;
}

std::string forwarding_off(const char* name, const char* path) {
  return fmt::format(
      "{0} is off: the node drops pods' packets to other nodes; sysctl -w {0}=1 ({1}), and put it "
      "into /etc/sysctl.d to last",
      name, path);
}

}  // namespace

NodeWatch::NodeWatch(EventLoop& loop, Heal heal, std::function<void()> changed)
    : heal_(heal),
      guard_(heal),
      routed_(heal),
      changed_(std::move(changed)),
      socket_(netlink::NetlinkSocket::open()),
      timer_(loop, [this] { look(); }) {}

void NodeWatch::start(std::vector<base::IpNet> own_subnets) {
  own_subnets_ = std::move(own_subnets);
  if (!timer_.armed()) timer_.start(kLookEvery);
}

void NodeWatch::look() {
  timer_.start(kLookEvery);
  std::vector<std::string> problems;
  try {
    look_at_bridge(problems);
    if (auto problem = routed_.look(socket_)) problems.push_back(std::move(*problem));
    // Without either there are no pods yet, or they need no such thing; the first pod's plugin switches it
    // on.
    if (bridge_ != 0 || routed_.any()) look_at_forwarding(problems);
    if (own_subnets_.empty())
      if (const auto lost = find_lost_answers(socket_))
        problems.push_back(fmt::format("{}; {}", lost->finding(), lost->advice()));
  } catch (const base::SystemError& error) {
    problems.push_back(fmt::format("look at what pods depend on: {}", error.what()));
  }
  tell(std::move(problems));
}

void NodeWatch::tell(std::vector<std::string> problems) {
  if (problems == problems_) return;
  for (const std::string& one : problems)
    if (std::find(problems_.begin(), problems_.end(), one) == problems_.end()) base::log_warning(one);
  if (problems.empty()) base::log_info("what pods depend on is as it should be again");
  problems_ = std::move(problems);
  if (changed_) changed_();
}

/// IPv6 is left to the operator: with forwarding the node would lose what it learned from its router.
void NodeWatch::look_at_forwarding(std::vector<std::string>& problems) {
  const auto uses = [&](Family family) {
    return std::any_of(own_subnets_.begin(), own_subnets_.end(),
                       [&](const base::IpNet& subnet) { return subnet.address.family() == family; });
  };
  if (uses(Family::v6) && netlink::read_sysctl(kForwardV6) == "0")
    problems.push_back(forwarding_off("net.ipv6.conf.all.forwarding", kForwardV6));
  if (!uses(Family::v4) || netlink::read_sysctl(kForwardV4) != "0") return;
  if (heal_ == Heal::yes) try {
      netlink::write_sysctl(kForwardV4, "1");
      base::log_warning(
          "somebody switched net.ipv4.ip_forward off, and the node dropped pods' packets to other nodes: "
          "switched it on again; look for it in /etc/sysctl.d");
      ++repairs_;
      return;
    } catch (const base::SystemError& error) {
      base::log_debug(error.what());  // /proc/sys is often read-only in a container
    }
  problems.push_back(forwarding_off("net.ipv4.ip_forward", kForwardV4));
}

void NodeWatch::look_at_bridge(std::vector<std::string>& problems) {
  const auto bridge = netlink::find_link(socket_, kPodBridge);
  const int before = std::exchange(bridge_, bridge ? bridge->ifindex : 0);
  is_suspect_ = is_suspect_ || before != bridge_;
  has_bridge_ = has_bridge_ || bridge_ != 0;
  const size_t cut_off = is_suspect_ ? count_cut_off() : 0;
  is_suspect_ = cut_off > 0;
  if (cut_off > 0)
    problems.push_back(fmt::format("{} {} on no bridge and reach nobody: restart these pods", cut_off,
                                   cut_off == 1 ? "pod hangs" : "pods hang"));
  if (!bridge && has_bridge_)
    problems.push_back(
        fmt::format("the bridge '{}' is gone: pods that were on it are cut off and must be restarted; "
                    "the next pod makes it again",
                    kPodBridge));
  if (!bridge) return;
  if (!bridge->is_up())
    problems.push_back(
        fmt::format("the bridge '{0}' is down: its pods are cut off; ip link set {0} up", kPodBridge));
  add_missing_addresses(*bridge, problems);
  if (own_subnets_.empty()) return;
  if (auto problem = guard_.look(socket_, *bridge, own_subnets_)) problems.push_back(std::move(*problem));
}

/// A bridge that is being made has none for a moment.
void NodeWatch::add_missing_addresses(const netlink::Link& bridge, std::vector<std::string>& problems) {
  std::set<std::string> seen;
  const auto actual = netlink::addresses_of(socket_, bridge);
  for (const base::IpNet& subnet : own_subnets_) {
    const base::IpNet wanted{subnet.network().address.next(), subnet.prefix};
    if (std::any_of(actual.begin(), actual.end(),
                    [&](const netlink::Address& one) { return one.net.address == wanted.address; }))
      continue;
    std::string text = fmt::format(
        "the bridge '{}' lacks its address {}, the pods' gateway: restart the pods, or "
        "ip addr add {} dev {}",
        kPodBridge, wanted, wanted, kPodBridge);
    if (seen_before_.contains(text)) problems.push_back(text);
    seen.insert(std::move(text));
  }
  seen_before_ = std::move(seen);
}

size_t NodeWatch::count_cut_off() {
  const auto links = netlink::all_links(socket_);
  return static_cast<size_t>(std::count_if(links.begin(), links.end(), [](const netlink::Link& link) {
    return is_pods(link) && link.master == 0 && link.group != guard::kRoutedGroup;
  }));
}

}  // namespace flanneld
