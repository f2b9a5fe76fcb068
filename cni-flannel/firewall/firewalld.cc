#include "cni-flannel/firewall/firewalld.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "common/base/text.h"

namespace flannel::firewall {
namespace {

const netfilter::NftTable kTable{.family = netfilter::NftFamily::inet, .name = "firewalld"};
/// Where packets are led to zones by their source: in versions from 1.0, before, and before 0.9.
constexpr const char* kZones[] = {"filter_FORWARD_ZONES", "filter_FORWARD_IN_ZONES",
                                  "filter_FORWARD_IN_ZONES_SOURCE"};

bool runs(netlink::NetlinkSocket& nft) {
  return netfilter::find_nft_chain(nft, kTable, "filter_FORWARD").has_value();
}

bool is_from(const netfilter::NftTest& test, const base::IpAddress& address) {
  constexpr uint32_t kSourceV4 = 12, kSourceV6 = 8;  // RFC 791 section 3.1, RFC 8200 section 3
  if (test.field != netfilter::NftTest::Field::network_header || !test.is_equal || test.in_set ||
      test.offset != (address.is_v4() ? kSourceV4 : kSourceV6) || test.value.empty() ||
      test.value.size() > address.size() || (!test.mask.empty() && test.mask.size() < test.value.size()))
    return false;
  for (size_t at = 0; at < test.value.size(); ++at) {
    const auto mask = test.mask.empty() ? uint8_t{0xff} : static_cast<uint8_t>(test.mask[at]);
    if ((address.data()[at] & mask) != static_cast<uint8_t>(test.value[at])) return false;
  }
  return true;
}

}  // namespace

bool leads_to_zone(const netfilter::NftRuleInfo& rule, const base::IpAddress& address,
                   const std::string& zone) {
  if (!rule.target.ends_with(fmt::format("_{}", zone))) return false;
  const auto tests = rule.tests();
  return std::any_of(tests.begin(), tests.end(),
                     [&](const netfilter::NftTest& test) { return is_from(test, address); });
}

void require_firewalld(const Conf& conf, std::optional<netlink::NetlinkSocket>& nft, cni::ErrorCode code) {
  if (conf.backend == Backend::firewalld && !(nft && runs(*nft)))
    throw cni::Error(code, "key 'backend' asks for firewalld, which does not run here with nf_tables",
                     "start it, or leave the key out");
}

void require_zone(const Conf& conf, const cni::Result& result, std::optional<netlink::NetlinkSocket>& nft,
                  cni::ErrorCode code) {
  if (conf.backend == Backend::iptables || !nft || !runs(*nft)) return;
  std::vector<netfilter::NftRuleInfo> rules;
  for (const char* chain : kZones)
    for (netfilter::NftRuleInfo& rule : netfilter::nft_rules(*nft, kTable, chain)) rules.push_back(rule);
  for (const cni::IpConfig& ip : result.ips) {
    const base::IpAddress& address = ip.address.address;
    if (std::any_of(rules.begin(), rules.end(), [&](const netfilter::NftRuleInfo& rule) {
          return leads_to_zone(rule, address, conf.zone);
        }))
      continue;
    throw cni::Error(
        code,
        fmt::format("firewalld runs on this node, and its zone {} lacks the pod's address {}",
                    base::quoted(conf.zone), address),
        fmt::format("put the pods' network there: firewall-cmd --permanent --zone={} --add-source={}, "
                    "then firewall-cmd --reload; or set \"backend\": \"iptables\" if it lets them "
                    "pass otherwise",
                    conf.zone, ip.address.network()));
  }
}

}  // namespace flannel::firewall
