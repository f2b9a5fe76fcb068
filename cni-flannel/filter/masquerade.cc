#include "cni-flannel/filter/masquerade.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "cni-flannel/filter/iptables_masquerade.h"
#include "common/base/error.h"
#include "common/base/hash.h"
#include "common/cni/error.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel {
namespace {

constexpr const char* kTable = "cni_plugins_masquerade";
constexpr const char* kChecks = "masq_checks";
constexpr const char* kPostrouting = "postrouting";
constexpr int32_t kSourceNatPriority = 100;  // NF_IP_PRI_NAT_SRC

netfilter::NftTable table() { return {netfilter::NftFamily::inet, kTable}; }

/// nullopt on a kernel without netfilter's netlink family: it has no nftables rules either.
std::optional<netlink::NetlinkSocket> open_nft() {
  try {
    return netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  } catch (const base::SystemError& error) {
    if (error.error_number() != EPROTONOSUPPORT) throw;
    return std::nullopt;
  }
}

/// First 16 hex digits of SHA-512, as the reference shortens its keys.
std::string short_hash(const std::string& text) { return base::sha512_hex(text).substr(0, 16); }

std::string network_key(const std::string& network) { return short_hash(network); }

std::string attachment_key(const std::string& network, const cni::Attachment& attachment) {
  return network_key(network) + "-" + short_hash(attachment.ifname + ":" + attachment.container_id);
}

std::string rule_comment(const std::string& network, const cni::Attachment& attachment) {
  std::string comment = attachment_key(network, attachment) + ", net: " + network +
                        ", if: " + attachment.ifname + ", id: " + attachment.container_id;
  comment.erase(std::remove(comment.begin(), comment.end(), '"'), comment.end());
  return comment;
}

void add_rules(netfilter::NftTransaction& transaction, const std::string& comment,
               const std::vector<base::IpNet>& addresses) {
  for (const base::IpNet& net : addresses)
    transaction.add_rule(
        kChecks, netfilter::NftRule().source_is(net.address).destination(net, false).masquerade(), comment);
}

/// The table and its chains with the rules that all attachments share.
void add_frame(netfilter::NftTransaction& transaction) {
  const base::IpNet multicast_v4 = base::multicast(base::Family::v4);
  const base::IpNet multicast_v6 = base::multicast(base::Family::v6);
  transaction.ensure_table("Masquerading for plugins from github.com/containernetworking/plugins");
  transaction.ensure_chain(kChecks, "One rule for each address whose traffic leaves its network masqueraded");
  transaction.ensure_base_chain(kPostrouting,
                                {"nat", netfilter::NftHookPoint::postrouting, kSourceNatPriority});
  transaction.flush_chain(kPostrouting);
  transaction.add_rule(kPostrouting, netfilter::NftRule().destination(multicast_v4, true).return_());
  transaction.add_rule(kPostrouting, netfilter::NftRule().destination(multicast_v6, true).return_());
  transaction.add_rule(kPostrouting, netfilter::NftRule().goto_(kChecks));
}

/// False when this kernel has no nf_tables that can translate addresses; nothing is changed then.
bool add_nftables(const std::string& network, const cni::Attachment& attachment,
                  const std::vector<base::IpNet>& addresses) {
  const std::string doing = "add nftables masquerade rules";
  const std::string comment = rule_comment(network, attachment);
  auto socket = open_nft();
  if (!socket) return false;
  netfilter::NftTransaction fast(table());
  add_rules(fast, comment, addresses);
  try {
    if (fast.commit(*socket, doing)) return true;
    netfilter::NftTransaction whole(table());  // the first on this node, or somebody flushed the rules
    add_frame(whole);
    add_rules(whole, comment, addresses);
    return whole.commit(*socket, doing);
  } catch (const netlink::NetlinkError& error) {
    if (error.error_number() != EOPNOTSUPP) throw;
    return false;
  }
}

/// Removes every rule whose comment `is_stale` says so about.
template <class Predicate>
void remove_rules(Predicate&& is_stale) {
  auto socket = open_nft();
  if (!socket) return;
  // A rule that another process removed in between fails the transaction; then look again.
  for (int tries = 0; tries < 20; ++tries) {
    netfilter::NftTransaction transaction(table());
    for (const auto& rule : netfilter::nft_rules(*socket, table(), kChecks))
      if (is_stale(rule.comment)) transaction.delete_rule(kChecks, rule.handle);
    if (transaction.commit(*socket, "remove nftables masquerade rules")) return;
  }
  throw netlink::NetlinkError(EAGAIN, "remove nftables masquerade rules",
                              "they changed each time while they were read");
}

size_t count_rules(const std::string& key) {
  auto socket = open_nft();
  if (!socket) return 0;
  const auto rules = netfilter::nft_rules(*socket, table(), kChecks);
  return static_cast<size_t>(std::count_if(rules.begin(), rules.end(),
                                           [&](const auto& rule) { return rule.comment.starts_with(key); }));
}

}  // namespace

void add_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<base::IpNet>& addresses) {
  if (backend != MasqueradeBackend::iptables && add_nftables(network, attachment, addresses)) return;
  if (backend == MasqueradeBackend::nftables)
    throw cni::Error(
        cni::ErrorCode::unsupported_field,
        "'delegate.ipMasqBackend' asks for nftables, and this kernel has none that can masquerade",
        "set the key to iptables, or leave it out");
  add_iptables_masquerade(network, attachment, addresses);
}

void remove_masquerade(MasqueradeBackend backend, const std::string& network,
                       const cni::Attachment& attachment) {
  const std::string key = attachment_key(network, attachment);
  bool found = false;
  remove_rules([&](const std::string& comment) {
    const bool ours = comment.starts_with(key);
    found = found || ours;
    return ours;
  });
  // The reference's default backend was iptables; a pod that it made may live on.
  if (backend == MasqueradeBackend::iptables || (backend == MasqueradeBackend::automatic && !found))
    remove_iptables_masquerade(network, attachment);
}

bool has_masquerade(const std::string& network, const cni::Attachment& attachment, size_t addresses) {
  return count_rules(attachment_key(network, attachment)) >= addresses;
}

void collect_masquerade(MasqueradeBackend backend, const std::string& network,
                        const std::vector<cni::Attachment>& valid) {
  const std::string prefix = network_key(network) + "-";
  std::vector<std::string> keep;
  keep.reserve(valid.size());
  for (const cni::Attachment& attachment : valid) keep.push_back(attachment_key(network, attachment));
  std::sort(keep.begin(), keep.end());
  remove_rules([&](const std::string& comment) {
    return comment.starts_with(prefix) &&
           !std::binary_search(keep.begin(), keep.end(), comment.substr(0, 33));
  });
  // The reference's DEL leaves its rules behind when the pod's link is gone already.
  if (backend != MasqueradeBackend::nftables) collect_iptables_masquerade(network, valid);
}

}  // namespace flannel
