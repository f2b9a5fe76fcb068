#include "cni-flannel/firewall/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cni-flannel/firewall/conf.h"
#include "cni-flannel/firewall/firewalld.h"
#include "cni-flannel/firewall/rules.h"
#include "cni-flannel/firewall/tables.h"
#include "cni-flannel/pod/alive.h"
#include "cni-flannel/pod/attachment_names.h"
#include "cni-flannel/pod/prev_result.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_socket.h"

namespace flannel::firewall {
namespace {

using base::Family;
using base::IpAddress;

std::vector<IpAddress> of_family(const std::vector<IpAddress>& addresses, Family family) {
  std::vector<IpAddress> some;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(some),
               [&](const IpAddress& one) { return one.family() == family; });
  return some;
}

/// What a pod of that result has in the table of a family; nothing without an address of it.
std::vector<PlannedRule> wanted_rules(const Conf& conf, const cni::Result& result, Family family) {
  const std::vector<IpAddress> addresses = of_family(addresses_of(result), family);
  if (addresses.empty()) return {};
  std::vector<PlannedRule> wanted = pod_rules(conf, addresses);
  if (conf.policy == IngressPolicy::open) return wanted;
  for (PlannedRule& one : policy_rules(conf.policy, bridge_of(result))) wanted.push_back(std::move(one));
  return wanted;
}

using Stale = std::function<bool(const IpAddress& address, std::string_view tag)>;

void remove_everywhere(const Stale& stale) {
  auto nft = netfilter::open_nft_socket();
  cni::Attempts attempts;
  for (const Family family : base::kFamilies)
    attempts.run("remove the rules of pods from table filter", [&] {
      for (const auto& table : open_tables(nft, family))
        for (bool is_more = true; is_more;)
          change(*table, [&](FilterTable& read) { is_more = remove_pods(read, stale); });
    });
  attempts.throw_if_any();
}

}  // namespace

cni::AddAnswer add(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  cni::Result result = required_prev_result(request);
  auto nft = netfilter::open_nft_socket();
  require_firewalld(conf, nft, cni::ErrorCode::unsupported_field);
  require_zone(conf, result, nft, cni::ErrorCode::unsupported_field);
  const std::string own = attachment_tag(request.network, request.attachment);
  base::Rollback undo;
  undo.push([&] { remove_everywhere([&](const IpAddress&, std::string_view tag) { return tag == own; }); });
  for (const Family family : base::kFamilies) {
    const std::vector<PlannedRule> wanted = wanted_rules(conf, result, family);
    if (wanted.empty()) continue;
    for (const auto& table : open_tables(nft, family))
      change(*table, [&](FilterTable& read) { bring(read, wanted, own); });
  }
  undo.commit();
  return result;
}

void del(const cni::Request& request) {
  const std::string own = attachment_tag(request.network, request.attachment);
  const std::vector<IpAddress> addresses = addresses_of(request.prev_result().value_or(cni::Result()));
  // An address may be another pod's by now, whose rules say so.
  remove_everywhere([&](const IpAddress& address, std::string_view tag) {
    return tag.empty() ? std::find(addresses.begin(), addresses.end(), address) != addresses.end()
                       : tag == own;
  });
}

void check(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  const cni::Result result = required_prev_result(request);
  auto nft = netfilter::open_nft_socket();
  require_zone(conf, result, nft, cni::ErrorCode::check_failed);
  for (const Family family : base::kFamilies) {
    const std::vector<PlannedRule> wanted = wanted_rules(conf, result, family);
    if (wanted.empty()) continue;
    for (const auto& table : open_tables(nft, family)) {
      table->read();
      if (const auto missing = find_missing(*table, wanted))
        throw cni::Error(cni::ErrorCode::check_failed,
                         fmt::format("table filter lacks the rule: {}", text_of(*missing)),
                         "somebody has removed it since ADD; the pod has to be made anew");
    }
  }
}

void gc(const cni::Request& request) {
  const std::string start = tag_start_of(request.network);
  std::set<std::string, std::less<>> kept;
  for (const cni::Attachment& one : request.valid_attachments())
    kept.insert(attachment_tag(request.network, one));
  remove_everywhere([&](const IpAddress& address, std::string_view tag) {
    return tag.empty() ? !may_be_used(address) : tag.starts_with(start) && !kept.contains(tag);
  });
}

void status(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  auto nft = netfilter::open_nft_socket();
  require_tables(nft);
  require_firewalld(conf, nft, cni::ErrorCode::not_available);
}

}  // namespace flannel::firewall
