// The frame of nf_tables messages, shared by the parts of nftables.h. Not for use outside common/netlink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/netfilter/nftables.h"
#include "common/netlink/message.h"

namespace netlink::nft {

/// The netlink message type of an NFT_MSG_*.
int message_type(int type);
/// The NFT_MSG_* of a netlink message type; -1 when it is of another subsystem.
int nft_type(int message_type);

/// NFPROTO_*.
uint8_t protocol_of(NftFamily family);
/// nullopt for families that nothing here deals with (arp, netdev).
std::optional<NftFamily> family_of(uint8_t protocol);

/// Puts the family's fixed header.
void append_header(Message& message, uint8_t protocol, uint16_t resource = 0);

void put_data(Message& message, int attribute, const void* bytes, size_t length);

// Comments, in the "user data" as the nft tool stores them.
void put_comment(Message& message, int attribute, const std::string& comment);
std::string comment_of(std::string_view user_data);

}  // namespace netlink::nft
