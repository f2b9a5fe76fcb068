#include "cni-flannel/filter/mac_spoof_check.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_socket.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/link.h"

namespace flannel {
namespace {

using netfilter::NftRule;
using netfilter::NftRuleInfo;
using netfilter::NftTransaction;

constexpr const char* kBaseChain = "PREROUTING";
constexpr const char* kChainPrefix = "cni-br-iface-";
constexpr int32_t kPriority = -300;    // NF_BR_PRI_NAT_DST_BRIDGED
constexpr size_t kMaxChainName = 255;  // NFT_CHAIN_MAXNAMELEN without the NUL
constexpr size_t kChainHashDigits = 64;
constexpr size_t kMaxChainsAtOnce = 100;  // five changes each
constexpr int kMostTries = 20;
constexpr const char* kRemoveChecks = "remove the rules of 'macspoofchk'";

netfilter::NftTable bridge_nat() { return {.family = netfilter::NftFamily::bridge, .name = "nat"}; }

std::string mac_chain_of(const std::string& chain) { return fmt::format("{}-mac", chain); }

/// What is to be removed of one attachment: any part of it may be missing.
struct Remains {
  std::string chain;
  std::vector<uint64_t> jumps;
};

/// False if a part of it has been removed since it was looked up; nothing is changed then.
bool remove_all(netlink::NetlinkSocket& socket, const std::vector<Remains>& remains) {
  NftTransaction transaction(bridge_nat());
  for (const Remains& one : remains) {
    for (const uint64_t handle : one.jumps) transaction.delete_rule(kBaseChain, handle);
    for (const std::string& chain : {one.chain, mac_chain_of(one.chain)}) {
      if (!find_nft_chain(socket, bridge_nat(), chain)) continue;
      transaction.flush_chain(chain);
      transaction.delete_chain(chain);
    }
  }
  return transaction.commit(socket, kRemoveChecks);
}

/// Looks for remains and removes them, again for as long as others change them meanwhile.
template <class Find>
void remove_found(netlink::NetlinkSocket& socket, Find&& find) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    std::vector<Remains> remains = find();
    bool is_done = true;
    while (is_done && !remains.empty()) {
      const size_t first = remains.size() - std::min(remains.size(), kMaxChainsAtOnce);
      is_done = remove_all(socket, {remains.begin() + static_cast<ptrdiff_t>(first), remains.end()});
      remains.resize(first);
    }
    if (is_done) return;
  }
  throw netlink::NetlinkError(EAGAIN, kRemoveChecks, "they changed each time while they were read");
}

/// The jumps of PREROUTING to attachments' chains whose interface does not exist. ADD makes the interface
/// before the jump, so the interfaces are read last.
std::vector<Remains> find_dead(netlink::NetlinkSocket& socket) {
  std::vector<NftRuleInfo> jumps = nft_rules(socket, bridge_nat(), kBaseChain);
  std::erase_if(jumps, [](const NftRuleInfo& rule) { return !rule.target.starts_with(kChainPrefix); });
  if (jumps.empty()) return {};
  auto route = netlink::NetlinkSocket::open();
  std::set<std::string> interfaces;
  for (const netlink::Link& link : netlink::all_links(route)) interfaces.insert(link.name);
  std::map<std::string, Remains> by_chain;
  std::set<std::string> alive;
  for (const NftRuleInfo& jump : jumps) {
    const auto interface = jump.input_interface();
    if (!interface || interfaces.contains(*interface)) alive.insert(jump.target);
    Remains& remains = by_chain[jump.target];
    remains.chain = jump.target;
    remains.jumps.push_back(jump.handle);
  }
  std::vector<Remains> dead;
  for (auto& [chain, remains] : by_chain)
    if (!alive.contains(chain)) dead.push_back(std::move(remains));
  return dead;
}

}  // namespace

std::string mac_spoof_chain(const cni::Attachment& attachment) {
  std::string name = fmt::format("{}{}-{}", kChainPrefix, attachment.container_id, attachment.ifname);
  if (mac_chain_of(name).size() <= kMaxChainName) return name;
  // The reference cannot add these either, so no chain of its own is missed.
  return fmt::format("{}{}", kChainPrefix, base::sha512_hex(name).substr(0, kChainHashDigits));
}

void add_mac_spoof_check(const cni::Attachment& attachment, const std::string& host_veth,
                         const base::MacAddress& mac) {
  const std::string chain = mac_spoof_chain(attachment);
  const std::string mac_chain = mac_chain_of(chain);
  const std::string comment = fmt::format("macspoofchk-{}-{}", attachment.container_id, attachment.ifname);
  NftTransaction transaction(bridge_nat());
  transaction.ensure_table();
  transaction.ensure_base_chain(
      kBaseChain, {.type = "filter", .point = netfilter::NftHookPoint::prerouting, .priority = kPriority});
  transaction.ensure_chain(chain);
  transaction.ensure_chain(mac_chain);
  transaction.add_rule(kBaseChain, NftRule().input_interface_is(host_veth).jump(chain), comment);
  transaction.add_rule(chain, NftRule().jump(mac_chain), comment);
  transaction.add_rule(mac_chain, NftRule().ethernet_source_is(mac).return_(), comment);
  transaction.add_rule(mac_chain, NftRule().drop(), comment);
  auto socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  const std::string doing = "add the rules of 'macspoofchk'";
  if (!transaction.commit(socket, doing))
    throw netlink::NetlinkError(ENOENT, doing, "the kernel lacks nf_tables for bridges");
}

void remove_mac_spoof_check(const cni::Attachment& attachment) {
  auto socket = netfilter::open_nft_socket();
  if (!socket) return;
  const std::string chain = mac_spoof_chain(attachment);
  remove_found(*socket, [&] {
    Remains remains{.chain = chain, .jumps = {}};
    for (const NftRuleInfo& rule : nft_rules(*socket, bridge_nat(), kBaseChain))
      if (rule.target == chain) remains.jumps.push_back(rule.handle);
    return std::vector<Remains>{remains};
  });
}

void collect_mac_spoof_check() {
  auto socket = netfilter::open_nft_socket();
  if (!socket) return;
  remove_found(*socket, [&] { return find_dead(*socket); });
}

}  // namespace flannel
