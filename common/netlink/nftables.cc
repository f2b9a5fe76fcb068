#include "common/netlink/nftables.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_bridge.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace netlink {
namespace {

/// libnftnl keeps comments in "user data": a list of type, length and bytes with a NUL at the end.
/// Type 0 is the comment for tables, chains and rules alike.
constexpr uint8_t kCommentType = 0;
constexpr size_t kMaxComment = 127;  // NFTNL's limit with the NUL is 128

constexpr uint32_t kRegister = NFT_REG_1;

void put_comment(Message& message, int attribute, const std::string& comment) {
  if (comment.empty()) return;
  const std::string text = comment.substr(0, kMaxComment);
  std::string data{static_cast<char>(kCommentType), static_cast<char>(text.size() + 1)};
  data.append(text).push_back('\0');
  message.put(attribute, data.data(), data.size());
}

std::string comment_of(std::string_view user_data) {
  while (user_data.size() >= 2) {
    const auto type = static_cast<uint8_t>(user_data[0]);
    const size_t length = static_cast<uint8_t>(user_data[1]);
    if (user_data.size() < 2 + length) break;
    if (type == kCommentType)
      return std::string(user_data.substr(2, length).substr(0, user_data.substr(2, length).find('\0')));
    user_data.remove_prefix(2 + length);
  }
  return {};
}

void put_data(Message& message, int attribute, const void* bytes, size_t length) {
  message.nest(attribute, [&] { message.put(NFTA_DATA_VALUE, bytes, length); });
}

uint8_t protocol_family(NftFamily family) {
  return family == NftFamily::inet ? NFPROTO_INET : NFPROTO_BRIDGE;
}

uint32_t hook_number(NftFamily family, NftHookPoint point) {
  if (family == NftFamily::inet)
    return point == NftHookPoint::prerouting ? NF_INET_PRE_ROUTING : NF_INET_POST_ROUTING;
  return point == NftHookPoint::prerouting ? NF_BR_PRE_ROUTING : NF_BR_POST_ROUTING;
}

void append_header(Message& message, uint8_t family, uint16_t resource = 0) {
  message.header(nfgenmsg{family, NFNETLINK_V0, htons(resource)});
}

Message batch_frame(int type) {
  Message message(type, 0);
  append_header(message, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  return message;
}

int message_type(int type) { return NFNL_SUBSYS_NFTABLES << 8 | type; }

}  // namespace

NftRule& NftRule::expression(const char* name, const std::function<void(Message&)>& fill) {
  parts_.emplace_back([name = std::string(name), fill](Message& message) {
    message.nest(NFTA_LIST_ELEM, [&] {
      message.put_string(NFTA_EXPR_NAME, name);
      message.nest(NFTA_EXPR_DATA, [&] { fill(message); });
    });
  });
  return *this;
}

NftRule& NftRule::compare(uint32_t op, const void* bytes, size_t length) {
  return expression("cmp",
                    [op, data = std::string(static_cast<const char*>(bytes), length)](Message& message) {
                      message.put_be32(NFTA_CMP_SREG, kRegister).put_be32(NFTA_CMP_OP, op);
                      put_data(message, NFTA_CMP_DATA, data.data(), data.size());
                    });
}

NftRule& NftRule::family_is(base::Family family) {
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_NFPROTO).put_be32(NFTA_META_DREG, kRegister);
  });
  const uint8_t protocol = family == base::Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return compare(NFT_CMP_EQ, &protocol, sizeof protocol);
}

namespace {
/// Loads a part of the packet into the register.
auto load_payload(uint32_t base, uint32_t offset, uint32_t length) {
  return [=](Message& message) {
    message.put_be32(NFTA_PAYLOAD_DREG, kRegister).put_be32(NFTA_PAYLOAD_BASE, base);
    message.put_be32(NFTA_PAYLOAD_OFFSET, offset).put_be32(NFTA_PAYLOAD_LEN, length);
  };
}
}  // namespace

NftRule& NftRule::source_is(const base::IpAddress& address) {
  family_is(address.family());
  const uint32_t offset = address.is_v4() ? 12 : 8;  // RFC 791 section 3.1, RFC 8200 section 3
  expression("payload",
             load_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, static_cast<uint32_t>(address.size())));
  return compare(NFT_CMP_EQ, address.data(), address.size());
}

NftRule& NftRule::destination(const base::IpNet& net, bool is_within) {
  const base::IpAddress& first = net.network().address;
  family_is(first.family());
  const auto length = static_cast<uint32_t>(first.size());
  expression("payload", load_payload(NFT_PAYLOAD_NETWORK_HEADER, first.is_v4() ? 16 : 24, length));
  std::array<uint8_t, 16> mask{};
  for (size_t bit = 0; bit < net.prefix; ++bit)
    mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80 >> bit % 8);
  if (net.prefix < first.bits()) {
    expression("bitwise", [mask, length](Message& message) {
      const std::array<uint8_t, 16> zero{};
      message.put_be32(NFTA_BITWISE_SREG, kRegister)
          .put_be32(NFTA_BITWISE_DREG, kRegister)
          .put_be32(NFTA_BITWISE_LEN, length);
      put_data(message, NFTA_BITWISE_MASK, mask.data(), length);
      put_data(message, NFTA_BITWISE_XOR, zero.data(), length);
    });
  }
  return compare(is_within ? NFT_CMP_EQ : NFT_CMP_NEQ, first.data(), first.size());
}

NftRule& NftRule::input_interface_is(const std::string& name) {
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_IIFNAME).put_be32(NFTA_META_DREG, kRegister);
  });
  std::array<char, IFNAMSIZ> padded{};
  std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
  return compare(NFT_CMP_EQ, padded.data(), padded.size());
}

NftRule& NftRule::ethernet_source_is(const base::MacAddress& mac) {
  expression("payload", load_payload(NFT_PAYLOAD_LL_HEADER, 6, 6));  // IEEE 802.3: destination, source
  return compare(NFT_CMP_EQ, mac.bytes.data(), mac.bytes.size());
}

NftRule& NftRule::masquerade() {
  return expression("masq", [](Message&) {});
}

NftRule& NftRule::verdict(int32_t code, const std::string& chain) {
  return expression("immediate", [code, chain](Message& message) {
    message.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    message.nest(NFTA_IMMEDIATE_DATA, [&] {
      message.nest(NFTA_DATA_VERDICT, [&] {
        message.put_be32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
        if (!chain.empty()) message.put_string(NFTA_VERDICT_CHAIN, chain);
      });
    });
  });
}

NftRule& NftRule::accept() { return verdict(NF_ACCEPT); }
NftRule& NftRule::drop() { return verdict(NF_DROP); }
NftRule& NftRule::return_() { return verdict(NFT_RETURN); }
NftRule& NftRule::jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }
NftRule& NftRule::goto_(const std::string& chain) { return verdict(NFT_GOTO, chain); }

Message& NftTransaction::change(int type, int flags, const std::string& what) {
  Message& message = changes_.emplace_back(message_type(type), NLM_F_ACK | flags);
  append_header(message, protocol_family(table_.family));
  descriptions_.push_back(what);
  return message;
}

void NftTransaction::ensure_table(const std::string& comment) {
  Message& message = change(NFT_MSG_NEWTABLE, NLM_F_CREATE, "table '" + table_.name + "'");
  message.put_string(NFTA_TABLE_NAME, table_.name).put_be32(NFTA_TABLE_FLAGS, 0);
  put_comment(message, NFTA_TABLE_USERDATA, comment);
}

void NftTransaction::ensure_chain(const std::string& chain, const std::string& comment) {
  Message& message = change(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "chain '" + chain + "'");
  message.put_string(NFTA_CHAIN_TABLE, table_.name).put_string(NFTA_CHAIN_NAME, chain);
  put_comment(message, NFTA_CHAIN_USERDATA, comment);
}

void NftTransaction::ensure_base_chain(const std::string& chain, const NftHook& hook) {
  Message& message = change(NFT_MSG_NEWCHAIN, NLM_F_CREATE, "chain '" + chain + "'");
  message.put_string(NFTA_CHAIN_TABLE, table_.name).put_string(NFTA_CHAIN_NAME, chain);
  message.nest(NFTA_CHAIN_HOOK, [&] {
    message.put_be32(NFTA_HOOK_HOOKNUM, hook_number(table_.family, hook.point))
        .put_be32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(hook.priority));
  });
  message.put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT).put_string(NFTA_CHAIN_TYPE, hook.type);
}

void NftTransaction::flush_chain(const std::string& chain) {
  change(NFT_MSG_DELRULE, 0, "chain '" + chain + "'")
      .put_string(NFTA_RULE_TABLE, table_.name)
      .put_string(NFTA_RULE_CHAIN, chain);
}

void NftTransaction::delete_chain(const std::string& chain) {
  change(NFT_MSG_DELCHAIN, 0, "chain '" + chain + "'")
      .put_string(NFTA_CHAIN_TABLE, table_.name)
      .put_string(NFTA_CHAIN_NAME, chain);
}

void NftTransaction::add_rule(const std::string& chain, const NftRule& rule, const std::string& comment) {
  Message& message = change(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "a rule in chain '" + chain + "'");
  message.put_string(NFTA_RULE_TABLE, table_.name).put_string(NFTA_RULE_CHAIN, chain);
  message.nest(NFTA_RULE_EXPRESSIONS, [&] {
    for (const auto& part : rule.parts()) part(message);
  });
  put_comment(message, NFTA_RULE_USERDATA, comment);
}

void NftTransaction::delete_rule(const std::string& chain, uint64_t handle) {
  change(NFT_MSG_DELRULE, 0, "a rule in chain '" + chain + "'")
      .put_string(NFTA_RULE_TABLE, table_.name)
      .put_string(NFTA_RULE_CHAIN, chain)
      .put_be64(NFTA_RULE_HANDLE, handle);
}

bool NftTransaction::commit(NetlinkSocket& socket, const std::string& doing) {
  if (changes_.empty()) return true;
  std::vector<Message> batch;
  batch.push_back(batch_frame(NFNL_MSG_BATCH_BEGIN));
  for (Message& message : changes_) batch.push_back(std::move(message));
  batch.push_back(batch_frame(NFNL_MSG_BATCH_END));
  changes_.clear();
  const auto answer = socket.send_batch(batch, descriptions_.size());
  if (answer.error_number == 0) return true;
  if (answer.error_number == ENOENT) return false;
  const size_t place = answer.place;  // 0 is the frame
  const std::string what = place >= 1 && place <= descriptions_.size() ? ": " + descriptions_[place - 1] : "";
  throw NetlinkError(answer.error_number, doing + what, answer.kernel_text);
}

std::vector<NftRuleInfo> nft_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain) {
  Message query(message_type(NFT_MSG_GETRULE), 0);
  append_header(query, protocol_family(table.family));
  query.put_string(NFTA_RULE_TABLE, table.name).put_string(NFTA_RULE_CHAIN, chain);
  std::vector<NftRuleInfo> rules;
  try {
    socket.dump(
        query, "list the rules of chain '" + chain + "'", [&] { rules.clear(); },
        [&](const nlmsghdr* message) {
          const Attributes attributes = Attributes::of(message, sizeof(nfgenmsg));
          if (attributes.string(NFTA_RULE_TABLE) != table.name || attributes.string(NFTA_RULE_CHAIN) != chain)
            return;
          rules.push_back(
              {attributes.be64(NFTA_RULE_HANDLE), comment_of(attributes.bytes(NFTA_RULE_USERDATA))});
        });
  } catch (const NetlinkError& error) {
    // EOPNOTSUPP, EINVAL: a kernel without nf_tables or without this family. No rule can be there.
    if (error.error_number() != ENOENT && error.error_number() != EOPNOTSUPP &&
        error.error_number() != EINVAL)
      throw;
    rules.clear();
  }
  return rules;
}

}  // namespace netlink
