#include "cni-flannel/tuning/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cni-flannel/pod/namespace.h"
#include "cni-flannel/pod/prev_result.h"
#include "cni-flannel/tuning/former.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/guard/new_mac.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"
#include "common/netlink/sysctl.h"

namespace flannel::tuning {
namespace {

using netlink::Link;
using netlink::NetlinkSocket;

constexpr const char* kAllowList = "/etc/cni/tuning/allowlist.conf";
constexpr size_t kMaxListBytes = 1 << 20;

Conf allowed_conf(const cni::Request& request) {
  Conf conf = parse_conf(request);
  if (conf.sysctls.empty()) return conf;
  if (const auto allowed = base::read_file(kAllowList, kMaxListBytes)) check_allowed(conf, *allowed);
  return conf;
}

Link find_inside(Container& container, const std::string& ifname) {
  if (auto link = netlink::find_link(container.socket, ifname)) return std::move(*link);
  throw cni::Error(
      cni::ErrorCode::conflict,
      fmt::format("there is no interface {} in '{}'", base::quoted(ifname), container.netns.path()),
      "this plugin has to come behind one that makes it");
}

/// nullopt for an interface without a host's end that the result names: nothing holds it to a MAC.
std::optional<guard::Reached> find_reached(NetlinkSocket& host, const Link& inside,
                                           const cni::Result& result) {
  guard::Reached pod;
  bool is_found = false;
  for (const cni::Interface& one : result.interfaces) {
    if (!one.sandbox.empty()) continue;
    const auto link = netlink::find_link(host, one.name);
    if (!link) continue;
    if (inside.kind == "veth" && link->kind == "veth" && link->ifindex == inside.peer &&
        link->peer == inside.ifindex) {
      pod.port = *link;
      is_found = true;
    }
    pod.links.push_back(*link);
  }
  return is_found ? std::optional(pod) : std::nullopt;
}

/// With the MAC the kernel forgets all neighbours of the interface, also the fixed entry of its gateway.
void set_mac_inside(NetlinkSocket& socket, const Link& inside, const base::MacAddress& mac) {
  std::vector<netlink::Neighbour> fixed;
  for (const base::Family family : base::kFamilies)
    for (const netlink::Neighbour& one : netlink::neighbours_of(socket, inside.ifindex, family))
      if (one.permanent) fixed.push_back(one);
  netlink::set_mac(socket, inside, mac);
  netlink::Steps steps;
  for (const netlink::Neighbour& one : fixed)
    steps.add(netlink::put_neighbour_request(one),
              fmt::format("fix the pod's neighbour entry of {}", one.address));
  steps.run(socket, 0);
}

void change_mac(Container& container, const Link& inside, const base::MacAddress& mac,
                const cni::Result& result) {
  NetlinkSocket host = NetlinkSocket::open();
  const auto pod = find_reached(host, inside, result);
  if (pod) {
    if (const std::string holder = guard::holder_of(host, *pod, mac); !holder.empty())
      throw cni::Error(cni::ErrorCode::conflict, fmt::format("MAC {} is that of {}", mac, holder),
                       "give the pod another one");
    auto nft = netfilter::open_nft_socket();
    guard::move_to_mac(host, nft ? &*nft : nullptr, *pod, inside.mac, mac);
  }
  set_mac_inside(container.socket, inside, mac);
}

void change_link(Container& container, const Link& inside, const Conf& conf, const cni::Result& result) {
  if (conf.mac && *conf.mac != inside.mac) change_mac(container, inside, *conf.mac, result);
  if (conf.mtu != 0) netlink::set_mtu(container.socket, inside, conf.mtu);
  netlink::set_link_settings(container.socket, inside.ifindex, conf.link);
}

void update(cni::Result& result, const cni::Request& request, const Conf& conf) {
  for (cni::Interface& one : result.interfaces) {
    if (one.name != request.attachment.ifname || one.sandbox != request.netns) continue;
    if (conf.mac) one.mac = conf.mac->str();
    if (conf.mtu != 0 && one.mtu != 0) one.mtu = conf.mtu;
  }
}

/// CNI_NETNS may lead to another pod by now, whose interface has another MAC than the one of the result.
bool is_same(const Link& link, const cni::Request& request, const cni::Result& result) {
  for (const cni::Interface& one : result.interfaces)
    if (one.name == request.attachment.ifname && one.sandbox == request.netns && !one.mac.empty())
      return base::MacAddress::parse(one.mac) == link.mac;
  return true;
}

void give_back(const cni::Request& request, const Conf& former) {
  if (request.netns.empty()) return;
  Container container = open_container(request.netns);
  const auto link = netlink::find_link(container.socket, request.attachment.ifname);
  const cni::Result result = request.prev_result().value_or(cni::Result());
  if (link && is_same(*link, request, result)) change_link(container, *link, former, result);
}

void expect(bool is_so, const std::string& what) {
  if (!is_so)
    throw cni::Error(cni::ErrorCode::check_failed, what,
                     "somebody has changed it since ADD; set it back, or make the pod anew");
}

/// The kernel shows a list of numbers with tabs, however it was written.
std::string with_blanks(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  return text;
}

void check_link(const Conf& conf, const Link& link, const netlink::LinkSettings& settings) {
  const std::string name = base::quoted(link.name);
  if (conf.mac)
    expect(*conf.mac == link.mac, fmt::format("interface {} has MAC {}, not {}", name, link.mac, *conf.mac));
  if (conf.mtu != 0)
    expect(conf.mtu == link.mtu, fmt::format("interface {} has MTU {}, not {}", name, link.mtu, conf.mtu));
  expect(conf.link.promiscuous.value_or(false) == settings.promiscuous,
         fmt::format("promiscuous mode of interface {} is not as configured", name));
  if (conf.link.all_multicast)
    expect(conf.link.all_multicast == settings.all_multicast,
           fmt::format("allmulti of interface {} is not as configured", name));
  if (conf.link.queue_length)
    expect(conf.link.queue_length == settings.queue_length,
           fmt::format("interface {} queues {} packets, not {}", name, *settings.queue_length,
                       *conf.link.queue_length));
}

}  // namespace

cni::AddAnswer add(const cni::Request& request) {
  const Conf conf = allowed_conf(request);
  cni::Result result = required_prev_result(request);
  Container container = open_container(request.netns);
  {
    const auto inside = container.netns.enter();
    for (const auto& [key, value] : conf.sysctls)
      netlink::write_sysctl(setting_name(key, request.attachment.ifname), value);
  }
  if (!conf.changes_link()) return result;
  const Link link = find_inside(container, request.attachment.ifname);
  save(conf.data_dir, request.attachment,
       former_values(conf, link, netlink::read_link_settings(container.socket, link.ifindex)));
  change_link(container, link, conf, result);
  update(result, request, conf);
  return result;
}

void del(const cni::Request& request) {
  // What is wrong with other keys, for which ADD failed, must not keep the pod alive.
  const std::string directory = data_dir(request);
  const auto former = load(directory, request.attachment);
  try {
    if (former) give_back(request, *former);
  } catch (const std::exception&) {
    // The interface goes with the pod; one that stays is another plugin's, whose DEL tells what is wrong.
  }
  forget(directory, request.attachment);
}

void check(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  static_cast<void>(required_prev_result(request));
  Container container = open_container(request.netns);
  const Link link = find_inside(container, request.attachment.ifname);
  check_link(conf, link, netlink::read_link_settings(container.socket, link.ifindex));
  const auto inside = container.netns.enter();
  for (const auto& [key, value] : conf.sysctls) {
    const std::string name = setting_name(key, request.attachment.ifname);
    const auto present = netlink::read_sysctl(name);
    expect(present && with_blanks(*present) == with_blanks(value),
           fmt::format("setting {} is {}, not {}", base::quoted(name),
                       base::quoted(present.value_or("absent")), base::quoted(value)));
  }
}

void gc(const cni::Request& request) { collect(data_dir(request), request.valid_attachments()); }

void status(const cni::Request& request) { static_cast<void>(allowed_conf(request)); }

}  // namespace flannel::tuning
