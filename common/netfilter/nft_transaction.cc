#include "common/netfilter/nft_transaction.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>

#include "common/base/text.h"
#include "common/netfilter/nft_message.h"

namespace netfilter {

using netlink::Message;

namespace {

Message batch_frame(int type) {
  Message message(type, 0);
  append_header(message, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  return message;
}

Message batch_begin(std::optional<uint32_t> generation) {
  Message message = batch_frame(NFNL_MSG_BATCH_BEGIN);
  if (generation) message.put_be32(NFNL_BATCH_GENID, *generation);
  return message;
}

std::string chain_text(const std::string& chain) { return fmt::format("chain {}", base::quoted(chain)); }

std::string set_text(const std::string& set) { return fmt::format("set {}", base::quoted(set)); }

constexpr size_t kMostElements = 40;  // in one message of 4 KiB

std::string rule_text(const std::string& chain) {
  return fmt::format("a rule in chain {}", base::quoted(chain));
}

}  // namespace

Message& NftTransaction::change(int type, int flags, std::string what) {
  Message& message = changes_.emplace_back(message_type(type), flags);
  append_header(message, protocol_of(table_.family));
  descriptions_.push_back(std::move(what));
  return message;
}

void NftTransaction::ensure_table(const std::string& comment) {
  Message& message =
      change(NFT_MSG_NEWTABLE, NLM_F_CREATE, fmt::format("table {}", base::quoted(table_.name)));
  message.put_string(NFTA_TABLE_NAME, table_.name).put_be32(NFTA_TABLE_FLAGS, 0);
  put_comment(message, NFTA_TABLE_USERDATA, comment);
}

void NftTransaction::delete_table() {
  change(NFT_MSG_DELTABLE, 0, fmt::format("table {}", base::quoted(table_.name)))
      .put_string(NFTA_TABLE_NAME, table_.name);
}

void NftTransaction::ensure_chain(const std::string& chain, const std::string& comment) {
  Message& message = change(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain_text(chain));
  message.put_string(NFTA_CHAIN_TABLE, table_.name).put_string(NFTA_CHAIN_NAME, chain);
  put_comment(message, NFTA_CHAIN_USERDATA, comment);
}

void NftTransaction::ensure_base_chain(const std::string& chain, const NftHook& hook,
                                       const std::string& comment) {
  Message& message = change(NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain_text(chain));
  message.put_string(NFTA_CHAIN_TABLE, table_.name).put_string(NFTA_CHAIN_NAME, chain);
  message.nest(NFTA_CHAIN_HOOK, [&] {
    message.put_be32(NFTA_HOOK_HOOKNUM, static_cast<uint32_t>(hook.point))
        .put_be32(NFTA_HOOK_PRIORITY, static_cast<uint32_t>(hook.priority));
  });
  message.put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT).put_string(NFTA_CHAIN_TYPE, hook.type);
  put_comment(message, NFTA_CHAIN_USERDATA, comment);
}

void NftTransaction::flush_chain(const std::string& chain) {
  change(NFT_MSG_DELRULE, 0, chain_text(chain))
      .put_string(NFTA_RULE_TABLE, table_.name)
      .put_string(NFTA_RULE_CHAIN, chain);
}

void NftTransaction::delete_chain(const std::string& chain) {
  change(NFT_MSG_DELCHAIN, 0, chain_text(chain))
      .put_string(NFTA_CHAIN_TABLE, table_.name)
      .put_string(NFTA_CHAIN_NAME, chain);
}

void NftTransaction::put_rule(int flags, const std::string& chain, const NftRule& rule,
                              const std::string& comment, const std::string& tag) {
  Message& message = change(NFT_MSG_NEWRULE, NLM_F_CREATE | flags, rule_text(chain));
  const std::string& expressions = rule.expressions();
  message.put_string(NFTA_RULE_TABLE, table_.name)
      .put_string(NFTA_RULE_CHAIN, chain)
      .put(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, expressions.data(), expressions.size());
  put_comment(message, NFTA_RULE_USERDATA, comment, tag);
}

void NftTransaction::add_rule(const std::string& chain, const NftRule& rule, const std::string& comment,
                              const std::string& tag) {
  put_rule(NLM_F_APPEND, chain, rule, comment, tag);
}

void NftTransaction::insert_rule(const std::string& chain, const NftRule& rule, const std::string& comment) {
  put_rule(0, chain, rule, comment, {});
}

void NftTransaction::delete_rule(const std::string& chain, uint64_t handle) {
  change(NFT_MSG_DELRULE, 0, rule_text(chain))
      .put_string(NFTA_RULE_TABLE, table_.name)
      .put_string(NFTA_RULE_CHAIN, chain)
      .put_be64(NFTA_RULE_HANDLE, handle);
}

void NftTransaction::ensure_set(const NftSet& set) {
  Message& message = change(NFT_MSG_NEWSET, NLM_F_CREATE, set_text(set.name));
  message.put_string(NFTA_SET_TABLE, table_.name)
      .put_string(NFTA_SET_NAME, set.name)
      .put_be32(NFTA_SET_KEY_TYPE, set.key_type())
      .put_be32(NFTA_SET_KEY_LEN, static_cast<uint32_t>(set.key_length()))
      .put_be32(NFTA_SET_ID, static_cast<uint32_t>(changes_.size()));  // must be there, and is not used
  const std::string data = set.user_data();
  if (!data.empty()) message.put(NFTA_SET_USERDATA, data.data(), data.size());
}

void NftTransaction::change_elements(int type, int flags, const std::string& set,
                                     const std::vector<std::string>& elements) {
  for (size_t first = 0; first < elements.size(); first += kMostElements) {
    Message& message = change(type, flags, set_text(set));
    message.put_string(NFTA_SET_ELEM_LIST_TABLE, table_.name).put_string(NFTA_SET_ELEM_LIST_SET, set);
    message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
      for (size_t place = first; place < std::min(elements.size(), first + kMostElements); ++place)
        message.nest(NFTA_LIST_ELEM, [&] {
          message.nest(NFTA_SET_ELEM_KEY,
                       [&] { message.put(NFTA_DATA_VALUE, elements[place].data(), elements[place].size()); });
        });
    });
  }
}

void NftTransaction::add_elements(const std::string& set, const std::vector<std::string>& elements) {
  change_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements);
}

void NftTransaction::delete_elements(const std::string& set, const std::vector<std::string>& elements) {
  change_elements(NFT_MSG_DELSETELEM, 0, set, elements);
}

void NftTransaction::flush_set(const std::string& set) {
  change(NFT_MSG_DELSETELEM, 0, set_text(set))
      .put_string(NFTA_SET_ELEM_LIST_TABLE, table_.name)
      .put_string(NFTA_SET_ELEM_LIST_SET, set);
}

void NftTransaction::delete_set(const std::string& set) {
  change(NFT_MSG_DELSET, 0, set_text(set))
      .put_string(NFTA_SET_TABLE, table_.name)
      .put_string(NFTA_SET_NAME, set);
}

bool NftTransaction::commit(netlink::NetlinkSocket& socket, const std::string& doing,
                            std::optional<uint32_t> generation) {
  if (changes_.empty()) return true;
  netlink::PackedRequests batch;
  batch.add(batch_begin(generation));
  for (const Message& message : changes_) batch.add(message);
  batch.add(batch_frame(NFNL_MSG_BATCH_END));
  changes_.clear();
  const auto refusal = socket.send_batch(batch, doing);
  if (!refusal) return true;
  if (refusal->error_number == ENOENT || (generation && refusal->error_number == ERESTART)) return false;
  const size_t place = refusal->place;  // 0 is the frame
  const bool is_change = place >= 1 && place <= descriptions_.size();
  throw netlink::NetlinkError(refusal->error_number,
                              is_change ? fmt::format("{}: {}", doing, descriptions_[place - 1]) : doing,
                              refusal->kernel_text);
}

}  // namespace netfilter
