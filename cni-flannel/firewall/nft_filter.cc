#include "cni-flannel/firewall/nft_filter.h"

#include <utility>

#include "common/cni/error.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel::firewall {
namespace {

using netfilter::NftRule;
using netfilter::NftTest;
using netfilter::NftVerdict;
using Field = netfilter::NftTest::Field;

const netfilter::NftHook kForwardHook{.type = "filter", .point = netfilter::NftHookPoint::forward};

netfilter::NftTable filter_of(base::Family family) {
  return {.family = family == base::Family::v4 ? netfilter::NftFamily::ip : netfilter::NftFamily::ip6,
          .name = "filter"};
}

std::optional<std::string> target_of(const netfilter::NftRuleInfo& info) {
  switch (info.verdict) {
    case NftVerdict::accept:
      return "ACCEPT";
    case NftVerdict::drop:
      return "DROP";
    case NftVerdict::return_:
      return "RETURN";
    case NftVerdict::jump:
      return info.target;
    case NftVerdict::goto_:
    case NftVerdict::reject:
    case NftVerdict::other:
      return std::nullopt;
  }
  return std::nullopt;
}

/// False if the test is none of a whole address.
bool read_address(const NftTest& test, Rule& rule) {
  const auto address = base::IpAddress::from_bytes(test.value.data(), test.value.size());
  if (!address || !test.mask.empty() || !test.is_equal) return false;
  if (test.offset == (address->is_v4() ? 12 : 8)) {
    rule.source = address;
    return true;
  }
  if (test.offset == (address->is_v4() ? 16 : 24)) {
    rule.destination = address;
    return true;
  }
  return false;
}

/// False if the test is one that no rule of this plugin has.
bool read_test(const NftTest& test, Rule& rule) {
  constexpr char kKnown = 6;  // the bits of ESTABLISHED and RELATED
  const std::string_view value = test.value;
  const size_t end = value.find('\0');
  switch (test.field) {
    case Field::network_header:
      return !test.in_set && read_address(test, rule);
    case Field::input_interface:
      rule.input = value.substr(0, end);
      return end != std::string_view::npos && test.is_equal;
    case Field::output_interface:
      rule.output = value.substr(0, end);
      rule.is_other_output = !test.is_equal;
      return end != std::string_view::npos;
    case Field::conntrack_state:
      rule.is_known = true;
      return !test.mask.empty() && test.mask[0] == kKnown;
    case Field::input_index:
    case Field::family:
    case Field::protocol:
    case Field::transport_header:
    case Field::conntrack_status:
    case Field::other:
      return false;
  }
  return false;
}

class NftFilter : public FilterTable {
 public:
  NftFilter(netlink::NetlinkSocket& socket, base::Family family)
      : socket_(socket), family_(family), table_(filter_of(family)) {}

  void read() override {
    rules_.clear();
    handles_.clear();
    removed_.clear();
    put_.clear();
    generation_ = netfilter::nft_generation(socket_);
    for (const char* chain : kChains)
      for (const netfilter::NftRuleInfo& info : netfilter::nft_rules(socket_, table_, chain))
        if (auto rule = read_nft_rule(chain, info)) {
          rules_.push_back({.rule = std::move(*rule), .tag = info.tag, .place = handles_.size()});
          handles_.push_back(info.handle);
        }
  }

  bool commit() override {
    if (removed_.empty() && put_.empty()) return true;
    netfilter::NftTransaction transaction(table_);
    make_chains(transaction);
    for (const size_t place : removed_) transaction.delete_rule(rules_[place].rule.chain, handles_[place]);
    for (const Put& one : put_) {
      const Rule& rule = one.planned.rule;
      const NftRule written = make_nft_rule(rule, family_);
      if (one.planned.place == Place::first)
        transaction.insert_rule(rule.chain, written, one.planned.comment);
      else
        transaction.add_rule(rule.chain, written, one.planned.comment, one.tag);
    }
    if (transaction.commit(socket_, "change the rules of table filter", generation_)) return true;
    if (!put_.empty() && netfilter::nft_generation(socket_) == generation_)
      throw cni::Error(cni::ErrorCode::unsupported_field,
                       "the kernel has no rules of iptables that look at connections",
                       "load the modules nft_compat and xt_conntrack");
    return false;
  }

  [[nodiscard]] bool keeps_tags() const override { return true; }

 private:
  /// What the rules that are put need. The policy of a chain FORWARD that is there stays as it is.
  void make_chains(netfilter::NftTransaction& transaction) {
    if (put_.empty()) return;
    if (!has_nft_filter(socket_, family_)) {
      transaction.ensure_table();
      transaction.ensure_base_chain(kForward, kForwardHook);
    }
    for (const std::string& chain : needed_chains()) transaction.ensure_chain(chain);
  }

  netlink::NetlinkSocket& socket_;
  base::Family family_;
  netfilter::NftTable table_;
  std::vector<uint64_t> handles_;
  uint32_t generation_ = 0;
};

}  // namespace

bool has_nft_filter(netlink::NetlinkSocket& socket, base::Family family) {
  return netfilter::find_nft_chain(socket, filter_of(family), kForward).has_value();
}

std::unique_ptr<FilterTable> open_nft_filter(netlink::NetlinkSocket& socket, base::Family family) {
  return std::make_unique<NftFilter>(socket, family);
}

NftRule make_nft_rule(const Rule& rule, base::Family family) {
  NftRule written(filter_of(family).family);
  const auto whole = [](const base::IpAddress& address) {
    return base::IpNet{address, static_cast<uint8_t>(address.bits())};
  };
  if (rule.source) written.source(whole(*rule.source), true);
  if (rule.destination) written.destination(whole(*rule.destination), true);
  if (!rule.input.empty()) written.input_interface_is(rule.input);
  if (!rule.output.empty()) written.output_interface_is(rule.output, !rule.is_other_output);
  if (rule.is_known) written.iptables_connection_is_known();
  written.counter();
  if (rule.target == "ACCEPT") return written.accept();
  if (rule.target == "DROP") return written.drop();
  if (rule.target == "RETURN") return written.return_();
  return written.jump(rule.target);
}

std::optional<Rule> read_nft_rule(const std::string& chain, const netfilter::NftRuleInfo& info) {
  const auto target = target_of(info);
  if (!target) return std::nullopt;
  Rule rule{.chain = chain, .target = *target};
  for (const NftTest& test : info.tests())
    if (!read_test(test, rule)) return std::nullopt;
  return rule;
}

}  // namespace flannel::firewall
