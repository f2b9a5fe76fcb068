// How nf_tables names what it holds: families, tables and the hooks of base chains.
#pragma once

#include <cstdint>
#include <string>

namespace netfilter {

enum class NftFamily : uint8_t { inet, bridge, ip, ip6 };

struct NftTable {
  NftFamily family = NftFamily::inet;
  std::string name;
  bool operator==(const NftTable&) const = default;
  /// "ip filter", as the nft tool writes it.
  [[nodiscard]] std::string str() const;
};

/// The point in a packet's way where a base chain sees it. Same numbers as NF_INET_* and NF_BR_*.
enum class NftHookPoint : uint8_t { prerouting, input, forward, output, postrouting };

struct NftHook {
  std::string type;  ///< "nat", "filter"
  NftHookPoint point = NftHookPoint::prerouting;
  int32_t priority = 0;  ///< lower runs first
  bool operator==(const NftHook&) const = default;
};

}  // namespace netfilter
