#include "common/guard/rules.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <string>
#include <vector>

namespace guard {
namespace {

using netfilter::NftField;
using netfilter::NftRule;
using netfilter::NftType;

constexpr int32_t kPriority = -200;  // NF_BR_PRI_FILTER_BRIDGED: before iptables sees what crosses the bridge

// Types of ICMPv6 (RFC 4861, 2710, 3810) and IGMP (RFC 2236).
constexpr uint8_t kListenerQuery = 130, kListenerReport = 131, kListenerDone = 132,
                  kRouterAdvertisement = 134, kSolicitation = 135, kAdvertisement = 136, kRedirect = 137,
                  kListenerReport2 = 143;
constexpr uint8_t kMembershipQuery = 0x11;
// Ports of UDP: a client of DHCP takes an answer from any port at its own.
constexpr uint16_t kDhcpServer = 67, kDhcpClient = 68, kDhcpv6Client = 546, kDhcpv6Server = 547;

struct ChainRule {
  const char* chain;
  NftRule rule;
};

NftRule rule() { return NftRule(netfilter::NftFamily::bridge); }
/// The end of a rule: dropped where the port is a pod's.
NftRule drop_guarded(NftRule tests) { return tests.in_set(kGuarded, {NftField::input_index}).drop(); }
NftRule icmpv6(uint8_t type) { return rule().transport_is(IPPROTO_ICMPV6).type_is(type); }
NftRule nested(NftRule tests) { return tests.in_set(kNested, {NftField::input_index}); }

const base::IpNet kLinkLocal = base::link_local(base::Family::v6);
const base::IpAddress kNoAddress4 = base::IpAddress::v4(0);

constexpr const char* kBase = "prerouting";
// None is a word of the nft tool's language, whose users name them.
constexpr const char* kIp4 = "pods-ip4";
constexpr const char* kIp6 = "pods-ip6";
constexpr const char* kArp = "pods-arp";
constexpr const char* kIcmp6 = "pods-icmp6";

/// Most packets end at the rule that accepts their source, after one look into a set.
std::vector<ChainRule> rules() {
  const auto source_is_own6 = [](NftField field, NftRule tests) {
    return tests.in_set(kSources6, {NftField::input_index, field});
  };
  const base::IpAddress unspecified6 = base::default_route(base::Family::v6).address;
  std::vector<ChainRule> all{
      {kBase, rule().ether_type_is(ETH_P_IP).goto_(kIp4)},
      {kBase, rule().ether_type_is(ETH_P_IPV6).goto_(kIp6)},
      {kBase, rule().ether_type_is(ETH_P_ARP).goto_(kArp)},
      {kBase, drop_guarded(rule())},

      {kIp4, drop_guarded(rule().udp_source_is(kDhcpServer))},
      {kIp4, drop_guarded(rule().udp_port_is(kDhcpClient))},
      {kIp4, drop_guarded(rule().transport_is(IPPROTO_IGMP).type_is(kMembershipQuery))},
      {kIp4, rule().in_set(kSources4, {NftField::input_index, NftField::source_v4}).accept()},
      {kIp4, drop_guarded(rule())},

      {kArp, rule().in_set(kSources4, {NftField::input_index, NftField::arp_sender}).accept()},
      // A probe, by which a host looks whether its address is free.
      {kArp, rule()
                 .arp_operation_is(ARPOP_REQUEST)
                 .arp_sender_is(kNoAddress4)
                 .in_set(kSources4, {NftField::input_index, NftField::arp_target})
                 .accept()},
      {kArp, drop_guarded(rule())},

      {kIp6, rule().transport_is(IPPROTO_ICMPV6).jump(kIcmp6)},
      {kIp6, drop_guarded(rule().udp_source_is(kDhcpv6Server))},
      {kIp6, drop_guarded(rule().udp_port_is(kDhcpv6Client))},
      {kIp6, source_is_own6(NftField::source_v6, rule()).accept()},
      {kIp6, nested(rule().source(kLinkLocal, true)).accept()},
      {kIp6, drop_guarded(rule())},
  };
  for (const uint8_t type : {kRouterAdvertisement, kRedirect, kListenerQuery})
    all.push_back({kIcmp6, drop_guarded(icmpv6(type))});
  all.push_back({kIcmp6, source_is_own6(NftField::nd_target, icmpv6(kAdvertisement)).return_()});
  all.push_back({kIcmp6, nested(icmpv6(kAdvertisement).nd_target(kLinkLocal)).return_()});
  all.push_back({kIcmp6, drop_guarded(icmpv6(kAdvertisement))});
  // Without an address yet: a host looks whether its own is free, and joins its groups.
  const auto unnamed = [&](uint8_t type) { return icmpv6(type).source_is(unspecified6); };
  all.push_back({kIcmp6, source_is_own6(NftField::nd_target, unnamed(kSolicitation)).accept()});
  all.push_back({kIcmp6, nested(unnamed(kSolicitation).nd_target(kLinkLocal)).accept()});
  for (const uint8_t type : {kListenerReport, kListenerDone, kListenerReport2})
    all.push_back({kIcmp6, unnamed(type).accept()});
  return all;
}

}  // namespace

void add_frame(netfilter::NftTransaction& transaction) {
  transaction.ensure_table("what the ports of pods let through; made by flannel");
  transaction.ensure_set({.name = kGuarded, .types = {NftType::iface_index}});
  transaction.ensure_set({.name = kNested, .types = {NftType::iface_index}});
  transaction.ensure_set({.name = kSources4, .types = {NftType::iface_index, NftType::ipv4_addr}});
  transaction.ensure_set({.name = kSources6, .types = {NftType::iface_index, NftType::ipv6_addr}});
  transaction.ensure_base_chain(
      kBase, {.type = "filter", .point = netfilter::NftHookPoint::prerouting, .priority = kPriority});
  for (const char* chain : {kIp4, kArp, kIcmp6, kIp6}) transaction.ensure_chain(chain);
  for (const char* chain : {kBase, kIp4, kArp, kIp6, kIcmp6}) transaction.flush_chain(chain);
  for (const ChainRule& one : rules()) transaction.add_rule(one.chain, one.rule);
}

bool is_whole(const netfilter::NftTableInfo& table) {
  std::map<std::string, size_t> wanted;
  for (const ChainRule& one : rules()) ++wanted[one.chain];
  for (const auto& [chain, count] : wanted) {
    const auto present = table.rules.find(chain);
    if (present == table.rules.end() || present->second.size() != count) return false;
  }
  return table.flags == 0;
}

}  // namespace guard
