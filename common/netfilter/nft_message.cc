#include "common/netfilter/nft_message.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

namespace netfilter {
namespace {

/// libnftnl keeps comments in "user data": a list of type, length and bytes with a NUL at the end.
/// Type 0 is the comment for tables, chains and rules alike. nft and iptables skip types that they do not
/// know.
constexpr uint8_t kCommentType = 0, kTagType = 0xf1;
constexpr size_t kMaxText = 127;  // NFTNL's limit with the NUL is 128

void append_user_data(std::string& data, uint8_t type, const std::string& text) {
  if (text.empty()) return;
  const std::string_view cut(text.data(), std::min(text.size(), kMaxText));
  data.push_back(static_cast<char>(type));
  data.push_back(static_cast<char>(cut.size() + 1));
  data += cut;
  data.push_back('\0');
}

std::string find_user_data(std::string_view user_data, uint8_t wanted) {
  while (user_data.size() >= 2) {
    const auto type = static_cast<uint8_t>(user_data[0]);
    const size_t length = static_cast<uint8_t>(user_data[1]);
    if (user_data.size() < 2 + length) break;
    if (type == wanted)
      return std::string(user_data.substr(2, length).substr(0, user_data.substr(2, length).find('\0')));
    user_data.remove_prefix(2 + length);
  }
  return {};
}

}  // namespace

int message_type(int type) { return NFNL_SUBSYS_NFTABLES << 8 | type; }

int nft_type(int message_type) {
  return message_type >> 8 == NFNL_SUBSYS_NFTABLES ? message_type & 0xff : -1;
}

uint8_t protocol_of(NftFamily family) {
  switch (family) {
    case NftFamily::inet:
      return NFPROTO_INET;
    case NftFamily::bridge:
      return NFPROTO_BRIDGE;
    case NftFamily::ip:
      return NFPROTO_IPV4;
    case NftFamily::ip6:
      return NFPROTO_IPV6;
  }
  return NFPROTO_UNSPEC;
}

std::optional<NftFamily> family_of(uint8_t protocol) {
  for (const NftFamily family : {NftFamily::inet, NftFamily::bridge, NftFamily::ip, NftFamily::ip6})
    if (protocol_of(family) == protocol) return family;
  return std::nullopt;
}

void append_header(netlink::Message& message, uint8_t protocol, uint16_t resource) {
  message.header(nfgenmsg{protocol, NFNETLINK_V0, htons(resource)});
}

void put_comment(netlink::Message& message, int attribute, const std::string& comment,
                 const std::string& tag) {
  std::string data;
  append_user_data(data, kCommentType, comment);
  append_user_data(data, kTagType, tag);
  if (!data.empty()) message.put(attribute, data.data(), data.size());
}

std::string comment_of(std::string_view user_data) { return find_user_data(user_data, kCommentType); }

std::string tag_of(std::string_view user_data) { return find_user_data(user_data, kTagType); }

}  // namespace netfilter
