#include "cni-flannel/hostport/forwarding.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/hostport/iptables_leftovers.h"
#include "cni-flannel/hostport/ruleset.h"
#include "cni-flannel/pod/alive.h"
#include "cni-flannel/pod/attachment_names.h"
#include "common/base/file.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"
#include "common/netfilter/conntrack.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/sysctl.h"

namespace flannel::hostport {
namespace {

using base::Family;

/// A connection that keeps its old way ends by itself: it is told, and no reason to fail.
void forget_connections(netlink::NetlinkSocket& nft, Family family, uint16_t port) {
  try {
    netfilter::forget_udp(nft, family, port);
  } catch (const base::SystemError& error) {
    base::write_all(STDERR_FILENO, fmt::format("portmap: {}, ignoring\n", error.what()), "stderr");
  }
}

[[noreturn]] void refuse(const Holder& holder) {
  throw cni::Error(
      cni::ErrorCode::conflict,
      fmt::format("{} of the node leads to {} already", holder.wanted.str(),
                  describe_container(holder.container_id)),
      fmt::format("its address is {}; delete that pod, or give one of them another hostPort or hostIP",
                  holder.address));
}

/// Throws for a pod that may live; the rules of others go. Returns what was there before.
Holders clear_the_way(netlink::NetlinkSocket& nft, Family family, const std::vector<Mapping>& mappings,
                      const Owner& owner, const base::IpAddress& pod) {
  Holders seen = find_holders(nft, family, mappings, owner);
  for (const Holder& holder : seen.others) {
    if (holder.address != pod && may_live(holder.container_id, holder.address)) refuse(holder);
    remove_rule(nft, family, holder);
  }
  return seen;
}

/// Of two that open one port at once, the one whose rule comes first has it.
void check_won(netlink::NetlinkSocket& nft, Family family, const std::vector<Mapping>& mappings,
               const Owner& owner) {
  const Holders now = find_holders(nft, family, mappings, owner);
  for (const Holder& holder : now.others)
    if (!now.own_since || holder.handle < *now.own_since) refuse(holder);
}

/// The kernel takes packets from 127.0.0.1 to the pod for martians otherwise.
void let_loopback_pass(const base::IpAddress& pod) {
  auto route = netlink::NetlinkSocket::open();
  const auto way = netlink::route_toward(route, pod);
  const auto link = way ? netlink::find_link(route, way->ifindex) : std::nullopt;
  if (link) netlink::ensure_sysctl(fmt::format("net/ipv4/conf/{}/route_localnet", link->name), "1");
}

Owner owner_of(const std::string& network, const cni::Attachment& attachment) {
  return {.container_id = attachment.container_id, .tag = attachment_tag(network, attachment)};
}

netlink::NetlinkSocket open_nft() {
  if (auto nft = netfilter::open_nft_socket()) return std::move(*nft);
  throw cni::Error(cni::ErrorCode::unsupported_field, "host ports need nf_tables, and this kernel has none",
                   "load the modules nf_tables and nft_chain_nat, or remove hostPort from the pod");
}

}  // namespace

void open_ports(const Conf& conf, const std::string& network, const cni::Attachment& attachment,
                const std::vector<base::IpAddress>& addresses) {
  const Owner owner = owner_of(network, attachment);
  netlink::NetlinkSocket nft = open_nft();
  base::Rollback undo;
  for (const base::IpAddress& pod : addresses) {
    const Family family = pod.family();
    const std::vector<Mapping> mappings = conf.mappings_for(family);
    std::optional<Holders> seen;
    if (!mappings.empty()) seen = clear_the_way(nft, family, mappings, owner, pod);
    undo.push([&] {  // a socket may have failed in the midst of an answer
      if (auto again = netfilter::open_nft_socket()) remove_rules(*again, owner);
    });
    const bool is_alone = put_rules(nft, conf, owner, pod, seen);
    if (mappings.empty()) continue;
    if (!is_alone) check_won(nft, family, mappings, owner);
    for (const Mapping& mapping : mappings)
      if (mapping.protocol == IPPROTO_UDP) forget_connections(nft, family, mapping.host_port);
    if (conf.snat && pod.is_v4()) let_loopback_pass(pod);
  }
  undo.commit();
}

std::optional<netlink::NetlinkSocket> close_ports(const std::string& network,
                                                  const cni::Attachment& attachment) {
  auto nft = netfilter::open_nft_socket();
  cni::Attempts attempts;
  attempts.run("close the pod's host ports", [&] {
    if (!nft) return;
    for (const uint16_t port : remove_rules(*nft, owner_of(network, attachment)))
      for (const Family family : base::kFamilies) forget_connections(*nft, family, port);
  });
  attempts.run("close the host ports that the reference opened by iptables",
               [&] { remove_iptables_rules(nft, network, attachment.container_id); });
  attempts.throw_if_any();
  return nft;
}

void check_ports(const Conf& conf, const std::string& network, const cni::Attachment& attachment,
                 const std::vector<base::IpAddress>& addresses) {
  const Owner owner = owner_of(network, attachment);
  netlink::NetlinkSocket nft = open_nft();
  for (const base::IpAddress& pod : addresses) {
    const size_t wanted = conf.mappings_for(pod.family()).size();
    if (wanted == 0) continue;
    const size_t found = count_rules(nft, pod.family(), owner);
    if (found < wanted)
      throw cni::Error(
          cni::ErrorCode::check_failed,
          fmt::format("{} of the pod's {} host ports lead to {}", found, wanted, pod),
          "somebody has removed the others from table cni_hostport; the pod has to be made anew");
    if (!leads_to_pods(nft, pod.family()))
      throw cni::Error(cni::ErrorCode::check_failed,
                       fmt::format("no packet comes to the host ports of {}", pod),
                       "somebody has removed the jumps to them from chain prerouting or output of table "
                       "cni_hostport; the next pod with a host port brings them back");
    if (count_masquerading(nft, pod.family(), owner) < masquerading_of(conf, pod.family()))
      throw cni::Error(cni::ErrorCode::check_failed,
                       fmt::format("{} is not masqueraded where it reaches itself by a host port", pod),
                       "somebody has removed its rules from table cni_hostport; the pod has to be made anew");
  }
}

void collect_ports(const std::string& network, const std::vector<cni::Attachment>& valid) {
  auto nft = netfilter::open_nft_socket();
  cni::Attempts attempts;
  attempts.run("close the host ports of pods that are gone", [&] {
    if (!nft) return;
    for (const auto& found : containers_with_rules(*nft)) {
      const std::string& container = found.first;
      const bool is_valid = std::any_of(valid.begin(), valid.end(), [&](const cni::Attachment& one) {
        return is_comment_of(container, one.container_id);
      });
      if (!is_valid && !may_live(container, found.second)) remove_rules(*nft, {.container_id = container});
    }
  });
  attempts.run("close the host ports that the reference opened by iptables",
               [&] { collect_iptables_rules(nft, network, valid); });
  attempts.throw_if_any();
}

void check_available() {
  auto nft = netfilter::open_nft_socket();
  if (!netfilter::has_nf_tables(nft))
    throw cni::Error(cni::ErrorCode::not_available, "host ports need nf_tables, and this kernel has none",
                     "load the modules nf_tables and nft_chain_nat");
}

}  // namespace flannel::hostport
