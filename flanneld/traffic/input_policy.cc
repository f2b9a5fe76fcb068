#include "flanneld/traffic/input_policy.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/base/text.h"
#include "flanneld/traffic/flannel_table.h"

namespace flanneld {
namespace {

using base::Family;
using netfilter::NftFamily;
using netfilter::NftRuleInfo;
using netfilter::NftTest;
using netfilter::NftVerdict;
using Field = NftTest::Field;

constexpr int kMostJumps = 16;          // the kernel's own limit
constexpr uint32_t kNewConnection = 8;  // NF_CT_STATE_BIT(IP_CT_NEW)
/// Bits of the status that every connection may have or not: nothing of it is translated.
constexpr uint32_t kAnyStatus = IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED | IPS_NAT_DONE_MASK;

/// Native 32 bits, as registers hold those of conntrack.
uint32_t bits_of(const std::string& bytes, uint32_t otherwise) {
  if (bytes.empty() || bytes.size() > sizeof otherwise) return otherwise;
  uint32_t bits = 0;
  std::memcpy(&bits, bytes.data(), bytes.size());
  return bits;
}

/// True if the test fails for these bits, of which those in `unknown` may be others.
bool fails_for(const NftTest& test, uint32_t bits, uint32_t unknown) {
  const uint32_t mask = bits_of(test.mask, UINT32_MAX);
  if ((mask & unknown) != 0) return false;
  return test.is_equal != ((bits & mask) == bits_of(test.value, 0));
}

/// What may become of a packet in a chain, as far as the rules show; neither: it is certainly dropped.
struct Fate {
  bool may_pass = false;   ///< some rule may accept it for good
  bool may_go_on = false;  ///< it may come out at the end, or by a return
};

class Walk {
 public:
  Walk(const InputChain& input, const Tunnel& tunnel, const base::IpNet& pods)
      : input_(input), tunnel_(tunnel), pods_(pods) {}

  Fate through(const std::string& chain, int jumps = 0) const {
    const auto rules = input_.rules.find(chain);
    if (rules == input_.rules.end() || jumps > kMostJumps) return {.may_go_on = true};
    Fate fate;
    for (const NftRuleInfo& rule : rules->second) {
      if (!may_match(rule)) continue;
      if (is_over_after(rule, jumps, fate)) return fate;
    }
    fate.may_go_on = true;
    return fate;
  }

 private:
  /// Adds what a rule that may match does; true if no packet gets past it, or may_pass answers everything.
  bool is_over_after(const NftRuleInfo& rule, int jumps, Fate& fate) const {
    switch (rule.verdict) {
      case NftVerdict::accept:
        return fate.may_pass = true;
      case NftVerdict::return_:
        fate.may_go_on = true;
        return rule.unconditional;
      case NftVerdict::drop:
      case NftVerdict::reject:
        return rule.unconditional;
      case NftVerdict::jump:
      case NftVerdict::goto_: {
        const bool comes_back = rule.verdict == NftVerdict::jump;
        const Fate there = through(rule.target, jumps + 1);
        fate.may_pass = there.may_pass;
        fate.may_go_on = fate.may_go_on || (there.may_go_on && !comes_back);
        return there.may_pass || (rule.unconditional && !(there.may_go_on && comes_back));
      }
      case NftVerdict::other:
        break;
    }
    return fate.may_pass = rule.may_decide;
  }

  /// False if the rule is certainly for other packets.
  [[nodiscard]] bool may_match(const NftRuleInfo& rule) const {
    const auto tests = rule.tests();
    return std::none_of(tests.begin(), tests.end(), [&](const NftTest& test) { return excludes(test); });
  }

  [[nodiscard]] bool excludes(const NftTest& test) const {
    switch (test.field) {
      case Field::family:
        return !test.in_set && test.is_equal && test.value.size() == 1 && test.value[0] != family();
      case Field::protocol:
        return is_other_protocol(test);
      case Field::conntrack_state:
        return test.in_set || fails_for(test, kNewConnection, 0);
      case Field::conntrack_status:
        return !test.in_set && fails_for(test, 0, kAnyStatus);
      case Field::network_header:
        return is_from_pods(test) || (test.offset == protocol_offset() && is_other_protocol(test));
      case Field::transport_header:
        return tunnel_.port != 0 && !test.in_set && test.is_equal && test.mask.empty() && is_other_port(test);
      case Field::input_interface:
        return !test.in_set && test.is_equal && is_other_link(test.value);
      case Field::input_index:
        return !test.in_set && test.is_equal && is_other_link(name_of(test.value));
      default:
        return false;
    }
  }

  [[nodiscard]] bool is_other_protocol(const NftTest& test) const {
    const char protocol = tunnel_.port != 0 ? IPPROTO_UDP : IPPROTO_IPIP;
    return test.in_set || (test.is_equal && test.value.size() == 1 && test.value[0] != protocol);
  }

  [[nodiscard]] char family() const { return pods_.address.is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6; }

  /// Of its byte in the IP header.
  [[nodiscard]] uint32_t protocol_offset() const {
    return pods_.address.is_v4() ? offsetof(iphdr, protocol) : offsetof(ip6_hdr, ip6_nxt);
  }

  /// It is the nodes who send the tunnel's packets.
  [[nodiscard]] bool is_from_pods(const NftTest& test) const {
    const auto source = test.source(pods_.address.family());
    return test.is_equal && source && source->prefix >= pods_.prefix && pods_.contains(source->address);
  }

  /// UDP's destination port is at byte 2; iptables compares it together with the source port.
  [[nodiscard]] bool is_other_port(const NftTest& test) const {
    constexpr uint32_t kPlace = 2, kSize = 2;
    if (test.offset > kPlace || test.offset + test.value.size() < kPlace + kSize) return false;
    const char port[]{static_cast<char>(tunnel_.port >> 8), static_cast<char>(tunnel_.port & 0xff)};
    return test.value.compare(kPlace - test.offset, kSize, port, kSize) != 0;
  }

  [[nodiscard]] bool is_other_link(const std::string& padded) const {
    const std::string name = padded.substr(0, padded.find('\0'));
    if (name.size() == padded.size()) return false;  // a prefix
    if (tunnel_.uplinks.empty()) return name == "lo" || name == kPodBridge || name == tunnel_.link;
    return std::find(tunnel_.uplinks.begin(), tunnel_.uplinks.end(), name) == tunnel_.uplinks.end();
  }

  /// With its NUL; without one if there is no such link.
  static std::string name_of(const std::string& index) {
    unsigned number = 0;
    if (index.size() == sizeof number) std::memcpy(&number, index.data(), sizeof number);
    char name[IF_NAMESIZE] = {};
    return ::if_indextoname(number, name) ? std::string(name, std::strlen(name) + 1) : std::string();
  }

  const InputChain& input_;
  const Tunnel& tunnel_;
  const base::IpNet& pods_;
};

/// True if tunnel packets of the plan's family pass through the chain.
bool sees_tunnels(const netfilter::NftChainInfo& chain, const TrafficPlan& plan) {
  if (plan.tunnels.empty() || !chain.hook || chain.hook->point != netfilter::NftHookPoint::input)
    return false;
  return (chain.table.family == NftFamily::inet || chain.table.family == flannel_table(plan.family).family) &&
         !is_flannel_table(chain.table.name);
}

std::string advise(const InputChain& input, const Tunnel& tunnel) {
  if (input.chain.table.name == "firewalld")
    return fmt::format("firewall-cmd --permanent --add-{}, firewall-cmd --reload",
                       tunnel.port != 0 ? fmt::format("port={}/udp", tunnel.port) : "protocol=ipip");
  if (tunnel.port != 0 && input.rules.contains("ufw-not-local"))
    return fmt::format("ufw allow {}/udp", tunnel.port);
  return fmt::format("accept `{}` there, from the other nodes",
                     tunnel.port != 0 ? fmt::format("udp dport {}", tunnel.port) : "ip protocol 4");
}

}  // namespace

std::optional<Obstacle> find_input_obstacle(const InputChain& input, const Tunnel& tunnel,
                                            const base::IpNet& pods) {
  const Fate fate = Walk(input, tunnel, pods).through(input.chain.name);
  if (fate.may_pass || (fate.may_go_on && !input.chain.policy_drop)) return std::nullopt;
  const std::string packets =
      tunnel.port != 0 ? fmt::format("to UDP port {}", tunnel.port) : "as IPv4 in IPv4, IP protocol 4";
  return Obstacle{
      .finding = fmt::format("chain '{}' of nftables table '{}' drops what other nodes send {}: no "
                             "packet of their pods comes in",
                             input.chain.name, input.chain.table.str(), packets),
      .advice = advise(input, tunnel)};
}

std::vector<Obstacle> find_nft_input_obstacles(netlink::NetlinkSocket& socket,
                                               const std::vector<TrafficPlan>& plans) {
  std::vector<Obstacle> obstacles;
  for (netfilter::NftChainInfo& chain : netfilter::nft_chains(socket)) {
    std::vector<const TrafficPlan*> seen;
    seen.reserve(plans.size());
    for (const TrafficPlan& plan : plans)
      if (sees_tunnels(chain, plan)) seen.push_back(&plan);
    if (seen.empty()) continue;
    InputChain input;
    if (auto table = find_nft_table(socket, chain.table)) input.rules = std::move(table->rules);
    input.chain = std::move(chain);
    for (const TrafficPlan* plan : seen)
      for (const Tunnel& tunnel : plan->tunnels)
        if (auto obstacle = find_input_obstacle(input, tunnel, plan->network))
          if (std::find(obstacles.begin(), obstacles.end(), *obstacle) == obstacles.end())
            obstacles.push_back(std::move(*obstacle));
  }
  return obstacles;
}

}  // namespace flanneld
