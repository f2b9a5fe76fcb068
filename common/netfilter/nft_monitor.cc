#include "common/netfilter/nft_monitor.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string_view>

#include "common/netfilter/nft_message.h"

namespace netfilter {
namespace {

using netlink::Attributes;

/// A string attribute without a copy.
std::string_view view(const Attributes& attributes, int type) {
  const std::string_view bytes = attributes.bytes(type);
  return bytes.substr(0, bytes.find('\0'));
}

void show(const nlmsghdr* message, const std::function<void(const NftChange&)>& visit) {
  const int type = nft_type(message->nlmsg_type);
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(nfgenmsg))) return;
  const auto family = family_of(static_cast<const nfgenmsg*>(nlmsg_data(message))->nfgen_family);
  if (!family) return;
  const Attributes attributes = Attributes::of(message, sizeof(nfgenmsg));
  NftChange change;
  change.family = *family;
  change.by_port = message->nlmsg_pid;
  switch (type) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      change.table = view(attributes, NFTA_TABLE_NAME);
      break;
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
      change.table = view(attributes, NFTA_CHAIN_TABLE);
      change.chain = view(attributes, NFTA_CHAIN_NAME);
      change.is_base = attributes.find(NFTA_CHAIN_HOOK) != nullptr;
      break;
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE:
      change.table = view(attributes, NFTA_RULE_TABLE);
      change.chain = view(attributes, NFTA_RULE_CHAIN);
      break;
    case NFT_MSG_NEWSET:
    case NFT_MSG_DELSET:
      change.table = view(attributes, NFTA_SET_TABLE);
      change.is_set = true;
      break;
    case NFT_MSG_NEWSETELEM:
    case NFT_MSG_DELSETELEM:
      change.table = view(attributes, NFTA_SET_ELEM_LIST_TABLE);
      change.is_set = true;
      break;
    default:  // other objects, generations
      return;
  }
  visit(change);
}

}  // namespace

NftMonitor::NftMonitor()
    : socket_(netlink::NetlinkSocket::open_subscribed(NETLINK_NETFILTER, NFNLGRP_NFTABLES)) {}

bool NftMonitor::drain(const std::function<void(const NftChange&)>& visit) {
  return socket_.drain_notifications([&](const nlmsghdr* message) { show(message, visit); });
}

}  // namespace netfilter
