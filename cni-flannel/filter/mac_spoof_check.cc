#include "cni-flannel/filter/mac_spoof_check.h"

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace flannel {
namespace {

constexpr const char* kBaseChain = "PREROUTING";
constexpr int32_t kPriority = -300;  // NF_BR_PRI_NAT_DST_BRIDGED

netfilter::NftTable spoof_table() { return {netfilter::NftFamily::bridge, "nat"}; }

std::string chain_of(const cni::Attachment& attachment) {
  return "cni-br-iface-" + attachment.container_id + "-" + attachment.ifname;
}

std::string comment_of(const cni::Attachment& attachment) {
  return ("macspoofchk-" + attachment.container_id + "-" + attachment.ifname).substr(0, 127);
}

}  // namespace

void add_spoof_check(const cni::Attachment& attachment, const std::string& host_veth,
                     const base::MacAddress& mac) {
  const std::string chain = chain_of(attachment);
  const std::string mac_chain = chain + "-mac";
  const std::string comment = comment_of(attachment);
  netfilter::NftTransaction transaction(spoof_table());
  transaction.ensure_table();
  transaction.ensure_base_chain(kBaseChain, {"filter", netfilter::NftHookPoint::prerouting, kPriority});
  transaction.ensure_chain(chain);
  transaction.ensure_chain(mac_chain);
  transaction.add_rule(kBaseChain, netfilter::NftRule().input_interface_is(host_veth).jump(chain), comment);
  transaction.add_rule(chain, netfilter::NftRule().jump(mac_chain), comment);
  transaction.add_rule(mac_chain, netfilter::NftRule().ethernet_source_is(mac).return_(), comment);
  transaction.add_rule(mac_chain, netfilter::NftRule().drop(), comment);
  netlink::NetlinkSocket socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  const std::string doing = "add the rules of 'macspoofchk'";
  if (!transaction.commit(socket, doing))
    throw netlink::NetlinkError(ENOENT, doing, "the kernel lacks nf_tables for bridges");
}

void remove_spoof_check(const cni::Attachment& attachment) {
  netlink::NetlinkSocket socket = netlink::NetlinkSocket::open(NETLINK_NETFILTER);
  const std::string doing = "remove the rules of 'macspoofchk'";
  const std::string chain = chain_of(attachment);
  const std::string comment = comment_of(attachment);
  netfilter::NftTransaction jumps(spoof_table());
  for (const auto& rule : netfilter::nft_rules(socket, spoof_table(), kBaseChain))
    if (rule.comment == comment) jumps.delete_rule(kBaseChain, rule.handle);
  jumps.commit(socket, doing);
  // A chain that is not there makes its transaction a no-op.
  for (const std::string& name : {chain, chain + "-mac"}) {
    netfilter::NftTransaction transaction(spoof_table());
    transaction.flush_chain(name);
    transaction.delete_chain(name);
    transaction.commit(socket, doing);
  }
}

}  // namespace flannel
