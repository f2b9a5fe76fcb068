#include "cni-flannel/hostport/ruleset.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "common/cni/error.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel::hostport {
namespace {

using base::Family;
using netfilter::NftHookPoint;
using netfilter::NftRule;
using netfilter::NftRuleInfo;
using netfilter::NftTransaction;

constexpr const char* kTable = "cni_hostport";
constexpr const char* kPorts = "hostports";
constexpr const char* kPortsOfAddresses = "hostip_hostports";  // of the reference's 1.6 to 1.8
constexpr const char* kAllPorts = "hostports_all";
constexpr const char* kPrerouting = "prerouting";
constexpr const char* kOutput = "output";
constexpr const char* kMasquerading = "masquerading";
constexpr int32_t kDestinationNat = -100, kSourceNat = 100;  // NF_IP_PRI_NAT_DST, _SRC
constexpr int kMaxTries = 20;
constexpr size_t kMaxComment = 127;

netfilter::NftTable table_of(Family family) {
  return {.family = family == Family::v4 ? netfilter::NftFamily::ip : netfilter::NftFamily::ip6,
          .name = kTable};
}

/// What rules of a container are known by: as much of its ID as nft lets a comment have.
std::string comment_of(const std::string& container_id) { return container_id.substr(0, kMaxComment); }

bool is_of_container(const NftRuleInfo& rule, const Owner& owner) {
  return rule.comment == comment_of(owner.container_id);
}

/// The reference's rules have no tag: they may be of any of the container's networks.
bool is_own(const NftRuleInfo& rule, const Owner& owner) {
  return is_of_container(rule, owner) && (owner.tag.empty() || rule.tag.empty() || rule.tag == owner.tag);
}

std::vector<uint64_t> own_handles(netlink::NetlinkSocket& nft, Family family, const char* chain,
                                  const Owner& owner) {
  return nft_rule_handles(nft, table_of(family), chain,
                          [&](const NftRuleInfo& rule) { return is_own(rule, owner); });
}

NftRule new_rule(Family family) { return NftRule(table_of(family).family); }

base::IpNet host(const base::IpAddress& address) { return {address, static_cast<uint8_t>(address.bits())}; }

void add_condition(NftRule& rule, const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::source:
      rule.source(condition.net, condition.is);
      break;
    case Condition::Kind::destination:
      rule.destination(condition.net, condition.is);
      break;
    case Condition::Kind::input_interface:
      if (condition.is_prefix)
        rule.input_interface_begins(condition.interface, condition.is);
      else
        rule.input_interface_is(condition.interface, condition.is);
      break;
  }
}

/// Table and chains with the rules that all pods share. Both plugins write them anew at each ADD.
void add_frame(NftTransaction& transaction, const Conf& conf, Family family) {
  transaction.ensure_table("CNI portmap plugin");
  for (const char* chain : {kPorts, kPortsOfAddresses, kAllPorts}) transaction.ensure_chain(chain);
  transaction.flush_chain(kAllPorts);
  for (const char* chain : {kPortsOfAddresses, kPorts})
    transaction.add_rule(kAllPorts, new_rule(family).jump(chain));
  const std::pair<const char*, NftHookPoint> hooks[] = {{kPrerouting, NftHookPoint::prerouting},
                                                        {kOutput, NftHookPoint::output}};
  for (const auto& [chain, point] : hooks) {
    transaction.ensure_base_chain(chain, {.type = "nat", .point = point, .priority = kDestinationNat});
    transaction.flush_chain(chain);
    NftRule entry = new_rule(family);
    for (const Condition& condition : conf.conditions(family)) add_condition(entry, condition);
    transaction.add_rule(chain, entry.destination_is_local().jump(kAllPorts));
  }
  if (conf.snat)
    transaction.ensure_base_chain(
        kMasquerading, {.type = "nat", .point = NftHookPoint::postrouting, .priority = kSourceNat});
}

/// Whether what all pods share is there already, without conditions: to write it anew costs a grace period of
/// the kernel, because rules go. Chains that are missing fail the transaction.
bool has_frame(netlink::NetlinkSocket& nft, const Conf& conf, Family family) {
  if (!conf.conditions(family).empty()) return false;
  const auto leads_to_ports = [&](const char* chain) {
    const auto rules = netfilter::nft_rules(nft, table_of(family), chain);
    return rules.size() == 1 && rules.front().target == kAllPorts &&
           rules.front().tests().size() == 1;  // fib
  };
  return leads_to_ports(kPrerouting) && leads_to_ports(kOutput) &&
         netfilter::nft_rules(nft, table_of(family), kAllPorts).size() == 2;
}

void add_masquerading(NftTransaction& transaction, const Conf& conf, const Owner& owner,
                      const base::IpAddress& pod) {
  const Family family = pod.family();
  const auto add = [&](const base::IpNet& source) {
    NftRule rule = new_rule(family);
    if (source.prefix != 0) rule.source(source, true);
    transaction.add_rule(kMasquerading, rule.destination(host(pod), true).masquerade(), owner.container_id,
                         owner.tag);
  };
  if (conf.masq_all) return add({base::IpAddress::from_number(family, 0), 0});
  add(host(pod));
  if (family == Family::v4) add(host(base::IpAddress::v4(0x7f000001)));
}

void add_rules(NftTransaction& transaction, const Conf& conf, const Owner& owner,
               const base::IpAddress& pod) {
  for (const Mapping& mapping : conf.mappings_for(pod.family())) {
    NftRule rule = new_rule(pod.family());
    if (mapping.host_ip) rule.destination(host(*mapping.host_ip), true);
    rule.port_is(mapping.protocol, mapping.host_port).destination_nat(pod, mapping.container_port);
    transaction.add_rule(kPorts, rule, owner.container_id, owner.tag);
  }
  if (conf.snat) add_masquerading(transaction, conf, owner, pod);
}

/// What a rule of the chains says of packets. Rules of another shape have no port.
struct Led {
  uint8_t protocol = 0;
  uint16_t port = 0;
  std::string destination;  ///< bytes of an address; empty: any
};

Led read_rule(const NftRuleInfo& rule, Family family) {
  using Field = netfilter::NftTest::Field;
  const uint32_t destination = family == Family::v4 ? 16 : 24;
  Led led;
  for (const netfilter::NftTest& test : rule.tests()) {
    if (!test.is_equal || test.in_set) continue;
    if (test.field == Field::protocol && test.value.size() == 1)
      led.protocol = static_cast<uint8_t>(test.value[0]);
    else if (test.field == Field::transport_header && test.offset == 2 && test.value.size() == 2)
      led.port = static_cast<uint16_t>(static_cast<uint8_t>(test.value[0]) << 8 |
                                       static_cast<uint8_t>(test.value[1]));
    else if (test.field == Field::network_header && test.offset == destination)
      led.destination = test.value;
  }
  return led;
}

bool is_of(const Led& led, const Mapping& mapping) {
  if (led.protocol != mapping.protocol || led.port != mapping.host_port) return false;
  if (led.destination.empty() || !mapping.host_ip) return true;
  return led.destination ==
         std::string_view(reinterpret_cast<const char*>(mapping.host_ip->data()), mapping.host_ip->size());
}

constexpr const char* kChainsOfPods[] = {kPorts, kPortsOfAddresses, kMasquerading};

}  // namespace

Holders find_holders(netlink::NetlinkSocket& nft, Family family, const std::vector<Mapping>& mappings,
                     const Owner& owner) {
  Holders holders{.generation = netfilter::nft_generation(nft), .others = {}, .own_since = {}};
  for (const char* chain : {kPortsOfAddresses, kPorts})
    for (const NftRuleInfo& rule : netfilter::nft_rules(nft, table_of(family), chain)) {
      if (is_of_container(rule, owner)) {  // of its networks, the first that asks for a port has it
        if (!holders.own_since && is_own(rule, owner)) holders.own_since = rule.handle;
        continue;
      }
      const Led led = read_rule(rule, family);
      const auto wanted = std::find_if(mappings.begin(), mappings.end(),
                                       [&](const Mapping& mapping) { return is_of(led, mapping); });
      if (wanted == mappings.end()) continue;
      holders.others.push_back(
          {.container_id = rule.comment,
           .address = rule.nat_address().value_or(base::IpAddress::from_number(family, 0)),
           .wanted = *wanted,
           .chain = chain,
           .handle = rule.handle});
    }
  return holders;
}

bool put_rules(netlink::NetlinkSocket& nft, const Conf& conf, const Owner& owner, const base::IpAddress& pod,
               const std::optional<Holders>& seen) {
  const Family family = pod.family();
  const std::string doing = fmt::format("lead ports of the node to {}", pod);
  const bool leads = !conf.mappings_for(family).empty();
  bool writes_frame = leads && !has_frame(nft, conf, family);
  for (int tries = 0; tries < kMaxTries; ++tries) {
    NftTransaction transaction(table_of(family));
    if (writes_frame) add_frame(transaction, conf, family);
    const bool is_first = tries == 0 && seen;
    for (const char* chain : kChainsOfPods) {  // of an ADD that was cut short, or of another address
      if (is_first && !seen->own_since && chain != kMasquerading) continue;
      for (const uint64_t handle : own_handles(nft, family, chain, owner))
        transaction.delete_rule(chain, handle);
    }
    if (leads) add_rules(transaction, conf, owner, pod);
    if (transaction.commit(nft, doing, is_first ? std::optional(seen->generation) : std::nullopt))
      return is_first;
    writes_frame = leads;  // a chain of it was missing, or others changed something
  }
  throw netlink::NetlinkError(EAGAIN, doing, "the rules changed each time while they were read");
}

std::vector<uint16_t> remove_rules(netlink::NetlinkSocket& nft, const Owner& owner) {
  constexpr size_t kAtOnce = 200;
  std::set<uint16_t> udp_ports;
  const std::string doing = "remove the rules that lead ports of the node to a pod";
  for (const Family family : base::kFamilies)
    for (const char* chain : kChainsOfPods) {
      for (int tries = 0;; ++tries) {
        if (tries == kMaxTries)
          throw netlink::NetlinkError(EAGAIN, doing, "the rules changed each time while they were read");
        NftTransaction transaction(table_of(family));
        size_t count = 0;
        for (const NftRuleInfo& rule : netfilter::nft_rules(nft, table_of(family), chain)) {
          if (!is_own(rule, owner) || ++count > kAtOnce) continue;
          if (const Led led = read_rule(rule, family); led.protocol == IPPROTO_UDP && led.port != 0)
            udp_ports.insert(led.port);
          transaction.delete_rule(chain, rule.handle);
        }
        const bool done = transaction.empty() || transaction.commit(nft, doing);
        if (done && count <= kAtOnce) break;
      }
    }
  return {udp_ports.begin(), udp_ports.end()};
}

void remove_rule(netlink::NetlinkSocket& nft, Family family, const Holder& holder) {
  NftTransaction transaction(table_of(family));
  transaction.delete_rule(holder.chain, holder.handle);
  transaction.commit(nft, "remove the rule of a pod that is gone");  // somebody else may have done so
}

size_t count_rules(netlink::NetlinkSocket& nft, Family family, const Owner& owner) {
  return own_handles(nft, family, kPorts, owner).size() +
         own_handles(nft, family, kPortsOfAddresses, owner).size();
}

size_t count_masquerading(netlink::NetlinkSocket& nft, Family family, const Owner& owner) {
  return own_handles(nft, family, kMasquerading, owner).size();
}

size_t masquerading_of(const Conf& conf, Family family) {
  if (!conf.snat) return 0;
  return conf.masq_all || family == Family::v6 ? 1 : 2;
}

bool leads_to_pods(netlink::NetlinkSocket& nft, Family family) {
  const auto leads = [&](const char* chain) {
    const auto rules = netfilter::nft_rules(nft, table_of(family), chain);
    return std::any_of(rules.begin(), rules.end(), [](const NftRuleInfo& rule) {
      return rule.target == kAllPorts || rule.target == kPorts;  // the latter of the reference's 1.6 to 1.8
    });
  };
  return leads(kPrerouting) && leads(kOutput);
}

bool is_comment_of(const std::string& comment, const std::string& container_id) {
  return comment == comment_of(container_id);
}

std::map<std::string, base::IpAddress> containers_with_rules(netlink::NetlinkSocket& nft) {
  std::map<std::string, base::IpAddress> containers;
  for (const Family family : base::kFamilies)
    for (const char* chain : kChainsOfPods)
      for (const NftRuleInfo& rule : netfilter::nft_rules(nft, table_of(family), chain))
        if (!rule.comment.empty())
          containers.try_emplace(rule.comment,
                                 rule.nat_address().value_or(base::IpAddress::from_number(family, 0)));
  return containers;
}

}  // namespace flannel::hostport
