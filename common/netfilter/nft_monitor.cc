#include "common/netfilter/nft_monitor.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "common/base/error.h"
#include "common/netfilter/nft_message.h"

namespace netfilter {
namespace {

using netlink::Attributes;

constexpr size_t kReceiveBytes = 32768;
constexpr int kMaxReads = 64;  // then other descriptors get their turn

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
  switch (type) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      visit({*family, view(attributes, NFTA_TABLE_NAME), {}, false});
      break;
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
      visit({*family, view(attributes, NFTA_CHAIN_TABLE), view(attributes, NFTA_CHAIN_NAME),
             attributes.find(NFTA_CHAIN_HOOK) != nullptr});
      break;
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE:
      visit({*family, view(attributes, NFTA_RULE_TABLE), view(attributes, NFTA_RULE_CHAIN), false});
      break;
    default:  // sets and their elements, generations
      break;
  }
}

}  // namespace

NftMonitor::NftMonitor()
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)) {
  if (!fd_.valid()) base::throw_errno("open netlink socket for nftables");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    base::throw_errno("bind netlink socket for nftables");
  const int group = NFNLGRP_NFTABLES;
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    base::throw_errno("subscribe to nftables changes");
}

bool NftMonitor::drain(const std::function<void(const NftChange&)>& visit) {
  alignas(nlmsghdr) std::array<char, kReceiveBytes> buffer;
  bool complete = true;
  for (int reads = 0; reads < kMaxReads; ++reads) {
    const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      complete = false;
      continue;
    }
    if (received < 0) break;  // EAGAIN: all read
    if (static_cast<size_t>(received) > buffer.size()) {
      complete = false;
      continue;
    }
    auto length = static_cast<int>(received);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(header, length);
         header = nlmsg_next(header, &length))
      show(header, visit);
  }
  return complete;
}

}  // namespace netfilter
