#include "common/netfilter/nft_query.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/text.h"
#include "common/netfilter/nft_message.h"

namespace netfilter {
namespace {

using netlink::Attributes;
using netlink::Message;
using netlink::NetlinkError;
using netlink::NetlinkSocket;
using Visitor = NetlinkSocket::Visitor;

Message query(int type, uint8_t protocol) {
  Message message(message_type(type), 0);
  append_header(message, protocol);
  return message;
}

/// A kernel without nf_tables or without this family: nothing can be there.
bool means_nothing(const NetlinkError& error) {
  return error.error_number() == ENOENT || error.error_number() == EOPNOTSUPP ||
         error.error_number() == EINVAL || error.error_number() == EAFNOSUPPORT;
}

void list(NetlinkSocket& socket, const Message& message, const std::string& doing,
          const std::function<void()>& restart, const Visitor& visit) {
  try {
    socket.dump(message, doing, restart, visit);
  } catch (const NetlinkError& error) {
    if (!means_nothing(error)) throw;
    restart();
  }
}

bool find(NetlinkSocket& socket, const Message& message, const std::string& doing, const Visitor& visit) {
  try {
    return socket.get(message, doing, visit);
  } catch (const NetlinkError& error) {
    if (!means_nothing(error)) throw;
    return false;
  }
}

NftVerdict verdict_of(int32_t code) {
  switch (code) {
    case NF_ACCEPT:
      return NftVerdict::accept;
    case NF_DROP:
      return NftVerdict::drop;
    case NFT_RETURN:
      return NftVerdict::return_;
    case NFT_JUMP:
      return NftVerdict::jump;
    case NFT_GOTO:
      return NftVerdict::goto_;
    default:
      return NftVerdict::other;
  }
}

void read_verdict(const Attributes& immediate, NftRuleInfo& rule) {
  if (be32(immediate, NFTA_IMMEDIATE_DREG) != NFT_REG_VERDICT) return;
  const Attributes verdict = immediate.nested(NFTA_IMMEDIATE_DATA).nested(NFTA_DATA_VERDICT);
  rule.verdict = verdict_of(static_cast<int32_t>(be32(verdict, NFTA_VERDICT_CODE)));
  rule.target = verdict.string(NFTA_VERDICT_CHAIN);
}

/// Targets of iptables after which the next rule has its turn.
bool is_remark(std::string_view target) {
  constexpr std::array kRemarks{"LOG", "NFLOG", "AUDIT", "TRACE", "MARK", "CONNMARK", "SET"};
  return std::find(kRemarks.begin(), kRemarks.end(), target) != kRemarks.end();
}

/// What a rule does, and whether it does so to every packet.
void read_expression(const std::string& name, const Attributes& data, NftRuleInfo& rule) {
  if (name == "immediate") {
    read_verdict(data, rule);
  } else if (name == "reject" || (name == "target" && data.string(NFTA_TARGET_NAME) == "REJECT")) {
    rule.verdict = NftVerdict::reject;
  } else {
    rule.may_decide = rule.may_decide || (name == "target" && !is_remark(data.string(NFTA_TARGET_NAME))) ||
                      (name == "lookup" && data.find(NFTA_LOOKUP_DREG) != nullptr &&
                       be32(data, NFTA_LOOKUP_DREG) == NFT_REG_VERDICT);
    const bool is_test =
        name != "counter" && name != "log" && !(name == "match" && data.string(NFTA_MATCH_NAME) == "comment");
    if (is_test) rule.unconditional = false;
  }
}

NftRuleInfo parse_rule(const Attributes& attributes) {
  NftRuleInfo rule;
  rule.handle = attributes.be64(NFTA_RULE_HANDLE);
  rule.comment = comment_of(attributes.bytes(NFTA_RULE_USERDATA));
  rule.tag = tag_of(attributes.bytes(NFTA_RULE_USERDATA));
  rule.expressions = attributes.bytes(NFTA_RULE_EXPRESSIONS);
  rule.unconditional = true;
  for_each_expression(rule.expressions, [&](const std::string& name, const Attributes& data) {
    read_expression(name, data, rule);
  });
  return rule;
}

/// Shows the rules of a table, or of one of its chains.
void list_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain,
                const std::function<void()>& restart,
                const std::function<void(const std::string& chain, NftRuleInfo&&)>& visit) {
  Message message = query(NFT_MSG_GETRULE, protocol_of(table.family));
  message.put_string(NFTA_RULE_TABLE, table.name);
  if (!chain.empty()) message.put_string(NFTA_RULE_CHAIN, chain);
  const std::string doing = chain.empty()
                                ? fmt::format("list the rules of table {}", base::quoted(table.str()))
                                : fmt::format("list the rules of chain {}", base::quoted(chain));
  list(socket, message, doing, restart, [&](const nlmsghdr* answer) {
    const Attributes attributes = Attributes::of(answer, sizeof(nfgenmsg));
    const std::string its_chain = attributes.string(NFTA_RULE_CHAIN);
    if (attributes.string(NFTA_RULE_TABLE) != table.name || (!chain.empty() && its_chain != chain)) return;
    visit(its_chain, parse_rule(attributes));
  });
}

std::optional<NftChainInfo> parse_chain(const nlmsghdr* message) {
  const auto family = family_of(static_cast<const nfgenmsg*>(nlmsg_data(message))->nfgen_family);
  if (!family) return std::nullopt;
  const Attributes attributes = Attributes::of(message, sizeof(nfgenmsg));
  NftChainInfo chain;
  chain.table = {.family = *family, .name = attributes.string(NFTA_CHAIN_TABLE)};
  chain.name = attributes.string(NFTA_CHAIN_NAME);
  if (attributes.find(NFTA_CHAIN_HOOK) == nullptr) return chain;
  const Attributes hook = attributes.nested(NFTA_CHAIN_HOOK);
  chain.hook = NftHook{.type = attributes.string(NFTA_CHAIN_TYPE),
                       .point = static_cast<NftHookPoint>(be32(hook, NFTA_HOOK_HOOKNUM)),
                       .priority = static_cast<int32_t>(be32(hook, NFTA_HOOK_PRIORITY))};
  chain.policy_drop =
      attributes.find(NFTA_CHAIN_POLICY) != nullptr && be32(attributes, NFTA_CHAIN_POLICY) == NF_DROP;
  return chain;
}

}  // namespace

void for_each_expression(std::string_view expressions,
                         const std::function<void(const std::string& name, const Attributes& data)>& visit) {
  int left = static_cast<int>(expressions.size());
  for (const auto* one = reinterpret_cast<const nlattr*>(expressions.data()); nla_ok(one, left);
       one = nla_next(one, &left)) {
    const Attributes expression(static_cast<const nlattr*>(nla_data(one)), nla_len(one));
    visit(expression.string(NFTA_EXPR_NAME), expression.nested(NFTA_EXPR_DATA));
  }
}

uint32_t nft_generation(NetlinkSocket& socket) {
  uint32_t generation = 0;
  find(socket, query(NFT_MSG_GETGEN, AF_UNSPEC), "ask for the generation of nf_tables",
       [&](const nlmsghdr* message) {
         generation = be32(Attributes::of(message, sizeof(nfgenmsg)), NFTA_GEN_ID);
       });
  return generation;
}

bool has_nf_tables(std::optional<NetlinkSocket>& socket) { return socket && nft_generation(*socket) != 0; }

std::vector<NftRuleInfo> nft_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain) {
  std::vector<NftRuleInfo> rules;
  list_rules(
      socket, table, chain, [&] { rules.clear(); },
      [&](const std::string&, NftRuleInfo&& rule) { rules.push_back(std::move(rule)); });
  return rules;
}

std::vector<uint64_t> nft_rule_handles(NetlinkSocket& socket, const NftTable& table, const std::string& chain,
                                       const std::function<bool(const NftRuleInfo&)>& matches) {
  std::vector<uint64_t> handles;
  list_rules(
      socket, table, chain, [&] { handles.clear(); },
      [&](const std::string&, NftRuleInfo&& rule) {
        if (matches(rule)) handles.push_back(rule.handle);
      });
  return handles;
}

std::vector<NftChainInfo> nft_chains(NetlinkSocket& socket, std::optional<NftFamily> family) {
  std::vector<NftChainInfo> chains;
  list(
      socket, query(NFT_MSG_GETCHAIN, family ? protocol_of(*family) : static_cast<uint8_t>(NFPROTO_UNSPEC)),
      "list the chains of nftables", [&] { chains.clear(); },
      [&](const nlmsghdr* message) {
        if (auto chain = parse_chain(message)) chains.push_back(std::move(*chain));
      });
  return chains;
}

std::optional<NftChainInfo> find_nft_chain(NetlinkSocket& socket, const NftTable& table,
                                           const std::string& chain) {
  Message question = query(NFT_MSG_GETCHAIN, protocol_of(table.family));
  question.put_string(NFTA_CHAIN_TABLE, table.name).put_string(NFTA_CHAIN_NAME, chain);
  std::optional<NftChainInfo> found;
  find(socket, question, fmt::format("look up chain {}", base::quoted(chain)),
       [&](const nlmsghdr* message) { found = parse_chain(message); });
  return found;
}

std::optional<NftTableInfo> find_nft_table(NetlinkSocket& socket, const NftTable& table) {
  NftTableInfo info;
  const Message question =
      std::move(query(NFT_MSG_GETTABLE, protocol_of(table.family)).put_string(NFTA_TABLE_NAME, table.name));
  if (!find(socket, question, fmt::format("look up table {}", base::quoted(table.str())),
            [&](const nlmsghdr* message) {
              info.flags = be32(Attributes::of(message, sizeof(nfgenmsg)), NFTA_TABLE_FLAGS);
            }))
    return std::nullopt;
  info.chains = nft_chains(socket, table.family);
  std::erase_if(info.chains, [&](const NftChainInfo& chain) { return chain.table != table; });
  list_rules(
      socket, table, {}, [&] { info.rules.clear(); },
      [&](const std::string& chain, NftRuleInfo&& rule) { info.rules[chain].push_back(std::move(rule)); });
  return info;
}

}  // namespace netfilter
