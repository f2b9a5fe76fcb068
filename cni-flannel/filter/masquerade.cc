#include "cni-flannel/filter/masquerade.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>

#include "cni-flannel/filter/iptables_masquerade.h"
#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_socket.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel {
namespace {

using netfilter::NftRule;
using netfilter::NftTransaction;

constexpr const char* kTable = "cni_plugins_masquerade";
constexpr const char* kChecks = "masq_checks";
constexpr const char* kPostrouting = "postrouting";
constexpr int32_t kSourceNatPriority = 100;  // NF_IP_PRI_NAT_SRC
constexpr size_t kHashDigits = 16;
constexpr size_t kKeyLength = 2 * kHashDigits + 1;
constexpr size_t kMaxChangesAtOnce = 200;
constexpr int kMaxTries = 20;
constexpr const char* kRemove = "remove nftables masquerade rules";

netfilter::NftTable table() { return {.family = netfilter::NftFamily::inet, .name = kTable}; }

/// First 16 hex digits of SHA-512, as the reference shortens its keys.
std::string short_hash(const std::string& text) { return base::sha512_hex(text).substr(0, kHashDigits); }

std::string network_key(const std::string& network) { return short_hash(network); }

std::string attachment_key(const std::string& network, const cni::Attachment& attachment) {
  return fmt::format("{}-{}", network_key(network),
                     short_hash(fmt::format("{}:{}", attachment.ifname, attachment.container_id)));
}

std::string rule_comment(const std::string& network, const cni::Attachment& attachment) {
  std::string comment = fmt::format("{}, net: {}, if: {}, id: {}", attachment_key(network, attachment),
                                    network, attachment.ifname, attachment.container_id);
  std::erase(comment, '"');
  return comment;
}

void add_rules(NftTransaction& transaction, const std::string& comment,
               const std::vector<MasqueradeRule>& rules) {
  for (const MasqueradeRule& rule : rules) {
    NftRule written;
    written.source_is(rule.source);
    for (const base::IpNet& network : rule.unchanged) written.destination(network, false);
    transaction.add_rule(kChecks, written.masquerade(), comment);
  }
}

/// The table and its chains with the rules that all attachments share.
void add_frame(NftTransaction& transaction) {
  const base::IpNet multicast_v4 = *base::IpNet::parse("224.0.0.0/4");
  const base::IpNet multicast_v6 = *base::IpNet::parse("ff00::/8");
  transaction.ensure_table("Masquerading for plugins from github.com/containernetworking/plugins");
  transaction.ensure_chain(kChecks, "One rule for each address whose traffic leaves its network masqueraded");
  transaction.ensure_base_chain(
      kPostrouting,
      {.type = "nat", .point = netfilter::NftHookPoint::postrouting, .priority = kSourceNatPriority});
  transaction.flush_chain(kPostrouting);
  transaction.add_rule(kPostrouting, NftRule().destination(multicast_v4, true).return_());
  transaction.add_rule(kPostrouting, NftRule().destination(multicast_v6, true).return_());
  transaction.add_rule(kPostrouting, NftRule().goto_(kChecks));
}

/// False when this kernel has no nf_tables that can translate addresses; nothing is changed then.
bool add_nftables(const std::string& network, const cni::Attachment& attachment,
                  const std::vector<MasqueradeRule>& rules) {
  const std::string doing = "add nftables masquerade rules";
  const std::string comment = rule_comment(network, attachment);
  auto socket = netfilter::open_nft_socket();
  if (!socket) return false;
  NftTransaction fast(table());
  add_rules(fast, comment, rules);
  try {
    if (fast.commit(*socket, doing)) return true;
    NftTransaction whole(table());  // the first on this node, or the rules have been flushed
    add_frame(whole);
    add_rules(whole, comment, rules);
    return whole.commit(*socket, doing);
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() != EOPNOTSUPP) throw;
    return false;
  }
}

/// False if one of the rules is gone already.
bool delete_rules(netlink::NetlinkSocket& socket, const std::vector<uint64_t>& handles) {
  for (size_t first = 0; first < handles.size(); first += kMaxChangesAtOnce) {
    const size_t end = std::min(first + kMaxChangesAtOnce, handles.size());
    NftTransaction transaction(table());
    for (size_t place = first; place < end; ++place) transaction.delete_rule(kChecks, handles[place]);
    if (!transaction.commit(socket, kRemove)) return false;
  }
  return true;
}

/// Removes the rules whose comment `is_stale`. Returns whether there were any.
bool remove_rules(const std::function<bool(std::string_view comment)>& is_stale) {
  auto socket = netfilter::open_nft_socket();
  if (!socket) return false;
  bool found = false;
  // A rule that another process removes meanwhile fails the transaction; then look again.
  for (int tries = 0; tries < kMaxTries; ++tries) {
    const auto handles = nft_rule_handles(*socket, table(), kChecks, [&](const netfilter::NftRuleInfo& rule) {
      return is_stale(rule.comment);
    });
    found = found || !handles.empty();
    if (delete_rules(*socket, handles)) return found;
  }
  throw netlink::NetlinkError(EAGAIN, kRemove, "they changed each time while they were read");
}

bool has_nftables(const std::string& key, size_t count) {
  auto socket = netfilter::open_nft_socket();
  if (!socket) return false;
  const auto is_ours = [&](const netfilter::NftRuleInfo& rule) { return rule.comment.starts_with(key); };
  return nft_rule_handles(*socket, table(), kChecks, is_ours).size() >= count;
}

}  // namespace

void add_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<MasqueradeRule>& rules) {
  if (backend != MasqueradeBackend::iptables && add_nftables(network, attachment, rules)) return;
  if (backend == MasqueradeBackend::nftables)
    throw cni::Error(
        cni::ErrorCode::unsupported_field,
        "'delegate.ipMasqBackend' asks for nftables, and this kernel has none that can masquerade",
        "set the key to iptables, or leave it out");
  add_iptables_masquerade(network, attachment, rules);
}

void remove_masquerade(MasqueradeBackend backend, const std::string& network,
                       const cni::Attachment& attachment) {
  const std::string key = attachment_key(network, attachment);
  const bool found = remove_rules([&](std::string_view comment) { return comment.starts_with(key); });
  // The reference's default backend was iptables; a container that it attached may live on.
  if (backend == MasqueradeBackend::iptables || (backend == MasqueradeBackend::automatic && !found))
    remove_iptables_masquerade(network, attachment);
}

bool has_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<base::IpNet>& addresses) {
  if (backend != MasqueradeBackend::iptables &&
      has_nftables(attachment_key(network, attachment), addresses.size()))
    return true;
  return backend != MasqueradeBackend::nftables && has_iptables_masquerade(network, attachment, addresses);
}

void collect_masquerade(MasqueradeBackend backend, const std::string& network,
                        const std::vector<cni::Attachment>& valid) {
  const std::string prefix = fmt::format("{}-", network_key(network));
  std::vector<std::string> keep;
  keep.reserve(valid.size());
  for (const cni::Attachment& attachment : valid) keep.push_back(attachment_key(network, attachment));
  std::sort(keep.begin(), keep.end());
  remove_rules([&](std::string_view comment) {
    return comment.starts_with(prefix) &&
           !std::binary_search(keep.begin(), keep.end(), comment.substr(0, kKeyLength));
  });
  // The reference's DEL leaves its rules behind when the container's link is gone already.
  if (backend != MasqueradeBackend::nftables) collect_iptables_masquerade(network, valid);
}

}  // namespace flannel
