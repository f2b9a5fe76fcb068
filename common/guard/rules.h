// The rules that all ports of pods share. For the files of this room.
#pragma once

#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_transaction.h"

namespace guard {

// The sets: indexes of ports, and indexes with an address. The names are others than when sets went by the
// ports' names: a node that has those gets these beside them.
inline constexpr const char* kGuarded = "checked";
inline constexpr const char* kNested = "any-mac";
inline constexpr const char* kSources4 = "own4";
inline constexpr const char* kSources6 = "own6";

/// Makes table, sets, chains and rules; the rules anew, all at once, where they are there.
void add_frame(netfilter::NftTransaction& transaction);

/// Whether each chain is there with as many rules as it got.
bool is_whole(const netfilter::NftTableInfo& table);

}  // namespace guard
