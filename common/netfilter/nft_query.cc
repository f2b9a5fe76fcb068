#include "common/netfilter/nftables.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include <endian.h>
#include <algorithm>
#include <cerrno>

#include "common/netfilter/nft_message.h"

namespace netlink {
namespace {

using Visitor = NetlinkSocket::Visitor;

uint32_t be32(const Attributes& attributes, int type) { return be32toh(attributes.u32(type)); }

Message query(int type, uint8_t protocol) {
  Message message(nft::message_type(type), 0);
  nft::append_header(message, protocol);
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

void read_verdict(const Attributes& immediate, NftRuleInfo& rule) {
  if (be32(immediate, NFTA_IMMEDIATE_DREG) != NFT_REG_VERDICT) return;
  const Attributes verdict = immediate.nested(NFTA_IMMEDIATE_DATA).nested(NFTA_DATA_VERDICT);
  switch (static_cast<int32_t>(be32(verdict, NFTA_VERDICT_CODE))) {
    case NF_ACCEPT:
      rule.verdict = "accept";
      break;
    case NF_DROP:
      rule.verdict = "drop";
      break;
    case NFT_RETURN:
      rule.verdict = "return";
      break;
    case NFT_JUMP:
      rule.verdict = "jump";
      break;
    case NFT_GOTO:
      rule.verdict = "goto";
      break;
    default:
      break;
  }
  rule.target = verdict.string(NFTA_VERDICT_CHAIN);
}

/// What a rule does, and whether it does so to every packet.
void read_expression(const std::string& name, const Attributes& data, NftRuleInfo& rule) {
  if (name == "immediate") {
    read_verdict(data, rule);
  } else if (name == "reject" || (name == "target" && data.string(NFTA_TARGET_NAME) == "REJECT")) {
    rule.verdict = "reject";
  } else {
    const bool is_test =
        name != "counter" && name != "log" && !(name == "match" && data.string(NFTA_MATCH_NAME) == "comment");
    if (is_test) rule.unconditional = false;
  }
}

NftRuleInfo parse_rule(const Attributes& attributes) {
  NftRuleInfo rule;
  rule.handle = attributes.be64(NFTA_RULE_HANDLE);
  rule.comment = nft::comment_of(attributes.bytes(NFTA_RULE_USERDATA));
  rule.expressions = attributes.bytes(NFTA_RULE_EXPRESSIONS);
  rule.unconditional = true;
  const nlattr* all = attributes.find(NFTA_RULE_EXPRESSIONS);
  if (!all) return rule;
  int left = nla_len(all);
  for (auto* one = static_cast<nlattr*>(nla_data(all)); nla_ok(one, left); one = nla_next(one, &left)) {
    const Attributes expression(static_cast<const nlattr*>(nla_data(one)), nla_len(one));
    read_expression(expression.string(NFTA_EXPR_NAME), expression.nested(NFTA_EXPR_DATA), rule);
  }
  return rule;
}

/// Shows the rules of a table, or of one of its chains.
void list_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain,
                const std::function<void()>& restart,
                const std::function<void(const std::string& chain, NftRuleInfo&&)>& visit) {
  Message message = query(NFT_MSG_GETRULE, nft::protocol_of(table.family));
  message.put_string(NFTA_RULE_TABLE, table.name);
  if (!chain.empty()) message.put_string(NFTA_RULE_CHAIN, chain);
  const std::string doing = chain.empty() ? "list the rules of table '" + table.name + "'"
                                          : "list the rules of chain '" + chain + "'";
  list(socket, message, doing, restart, [&](const nlmsghdr* answer) {
    const Attributes attributes = Attributes::of(answer, sizeof(nfgenmsg));
    const std::string its_chain = attributes.string(NFTA_RULE_CHAIN);
    if (attributes.string(NFTA_RULE_TABLE) != table.name || (!chain.empty() && its_chain != chain)) return;
    visit(its_chain, parse_rule(attributes));
  });
}

std::optional<NftChainInfo> parse_chain(const nlmsghdr* message) {
  const auto family = nft::family_of(static_cast<const nfgenmsg*>(nlmsg_data(message))->nfgen_family);
  if (!family) return std::nullopt;
  const Attributes attributes = Attributes::of(message, sizeof(nfgenmsg));
  NftChainInfo chain{
      {*family, attributes.string(NFTA_CHAIN_TABLE)}, attributes.string(NFTA_CHAIN_NAME), {}, false};
  if (attributes.find(NFTA_CHAIN_HOOK) == nullptr) return chain;
  const Attributes hook = attributes.nested(NFTA_CHAIN_HOOK);
  chain.hook =
      NftHook{attributes.string(NFTA_CHAIN_TYPE), static_cast<NftHookPoint>(be32(hook, NFTA_HOOK_HOOKNUM)),
              static_cast<int32_t>(be32(hook, NFTA_HOOK_PRIORITY))};
  chain.policy_drop =
      attributes.find(NFTA_CHAIN_POLICY) != nullptr && be32(attributes, NFTA_CHAIN_POLICY) == NF_DROP;
  return chain;
}

}  // namespace

std::string NftTable::str() const {
  switch (family) {
    case NftFamily::inet:
      return "inet " + name;
    case NftFamily::bridge:
      return "bridge " + name;
    case NftFamily::ip:
      return "ip " + name;
    case NftFamily::ip6:
      return "ip6 " + name;
  }
  return name;
}

bool NftRuleInfo::compares_with(std::string_view bytes) const {
  const nlattr header{static_cast<uint16_t>(NLA_HDRLEN + bytes.size()), NFTA_DATA_VALUE};
  std::string value(reinterpret_cast<const char*>(&header), sizeof header);
  return expressions.find(value.append(bytes)) != std::string::npos;
}

std::vector<NftRuleInfo> nft_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain) {
  std::vector<NftRuleInfo> rules;
  list_rules(
      socket, table, chain, [&] { rules.clear(); },
      [&](const std::string&, NftRuleInfo&& rule) { rules.push_back(std::move(rule)); });
  return rules;
}

std::vector<NftChainInfo> nft_chains(NetlinkSocket& socket, std::optional<NftFamily> family) {
  std::vector<NftChainInfo> chains;
  list(
      socket,
      query(NFT_MSG_GETCHAIN, family ? nft::protocol_of(*family) : static_cast<uint8_t>(NFPROTO_UNSPEC)),
      "list the chains of nftables", [&] { chains.clear(); },
      [&](const nlmsghdr* message) {
        if (auto chain = parse_chain(message)) chains.push_back(std::move(*chain));
      });
  return chains;
}

std::optional<NftChainInfo> find_nft_chain(NetlinkSocket& socket, const NftTable& table,
                                           const std::string& chain) {
  Message question = query(NFT_MSG_GETCHAIN, nft::protocol_of(table.family));
  question.put_string(NFTA_CHAIN_TABLE, table.name).put_string(NFTA_CHAIN_NAME, chain);
  std::optional<NftChainInfo> found;
  find(socket, question, "look up chain '" + chain + "'",
       [&](const nlmsghdr* message) { found = parse_chain(message); });
  return found;
}

std::optional<NftTableInfo> find_nft_table(NetlinkSocket& socket, const NftTable& table) {
  NftTableInfo info;
  const Message question = std::move(
      query(NFT_MSG_GETTABLE, nft::protocol_of(table.family)).put_string(NFTA_TABLE_NAME, table.name));
  if (!find(socket, question, "look up table '" + table.str() + "'", [&](const nlmsghdr* message) {
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

}  // namespace netlink
