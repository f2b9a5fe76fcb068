// The frame of nf_tables messages. Not for use outside common/netfilter.
#pragma once

#include <endian.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/netfilter/nft_table.h"
#include "common/netlink/message.h"

namespace netfilter {

/// The netlink message type of an NFT_MSG_*.
int message_type(int type);
/// The NFT_MSG_* of a netlink message type; -1 for another subsystem's.
int nft_type(int message_type);

/// NFPROTO_*.
uint8_t protocol_of(NftFamily family);
/// nullopt for the families that NftFamily lacks (arp, netdev).
std::optional<NftFamily> family_of(uint8_t protocol);

/// Puts nfgenmsg, the fixed header of all netfilter messages.
void append_header(netlink::Message& message, uint8_t protocol, uint16_t resource = 0);

/// A number as nf_tables sends it; 0 if it is missing.
inline uint32_t be32(const netlink::Attributes& attributes, int type) {
  return be32toh(attributes.u32(type));
}

/// Shows each expression of a rule, out of the payload of NFTA_RULE_EXPRESSIONS.
void for_each_expression(
    std::string_view expressions,
    const std::function<void(const std::string& name, const netlink::Attributes& data)>& visit);

/// Puts a comment where the nft tool keeps it, in "user data", and a tag behind it. Puts nothing if both are
/// empty.
void put_comment(netlink::Message& message, int attribute, const std::string& comment,
                 const std::string& tag = {});
/// The comment in user data; empty if there is none.
std::string comment_of(std::string_view user_data);
/// The tag in user data; empty if there is none.
std::string tag_of(std::string_view user_data);

}  // namespace netfilter
