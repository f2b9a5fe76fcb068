// The rules that all ports of pods share. For the files of this room.
#pragma once

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace guard {

// The sets: names of ports, and names with an address.
inline constexpr const char* kGuarded = "guarded";
inline constexpr const char* kNested = "nested";
inline constexpr const char* kSources4 = "sources4";
inline constexpr const char* kSources6 = "sources6";

/// Makes table, sets, chains and rules; the rules anew, all at once, where they are there.
void add_frame(netfilter::NftTransaction& transaction);

/// Whether each chain is there with as many rules as it got.
bool is_whole(const netfilter::NftTableInfo& table);

}  // namespace guard
