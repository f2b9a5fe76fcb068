#include "common/netfilter/nft_table.h"

#include <fmt/format.h>

namespace netfilter {
namespace {

const char* family_name(NftFamily family) {
  switch (family) {
    case NftFamily::inet:
      return "inet";
    case NftFamily::bridge:
      return "bridge";
    case NftFamily::ip:
      return "ip";
    case NftFamily::ip6:
      return "ip6";
  }
  return "";
}

}  // namespace

std::string NftTable::str() const { return fmt::format("{} {}", family_name(family), name); }

}  // namespace netfilter
