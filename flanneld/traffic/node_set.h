// The set of the addresses from which other nodes send into the tunnel, in our table of each family: kept by
// its elements alone, as leases come and go more often than rules.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netfilter/nft_table.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/socket.h"

namespace flanneld {

class NodeSet {
 public:
  /// The addresses that the sets are to hold, of both families.
  void want(const std::vector<base::IpAddress>& nodes);

  /// Puts the set with its elements into a table that is written anew.
  void add_to(netfilter::NftTransaction& transaction, base::Family family) const;
  /// The transaction of add_to() was done.
  void note_written(base::Family family) { held_[family] = wanted(family); }

  /// Sends what has changed since. False if the set is not as it was written. Throws SystemError.
  bool update(netlink::NetlinkSocket& socket, base::Family family, const netfilter::NftTable& table);
  /// True if the kernel's set holds what was written. Throws SystemError.
  [[nodiscard]] bool is_intact(netlink::NetlinkSocket& socket, base::Family family,
                               const netfilter::NftTable& table) const;

 private:
  using Elements = std::vector<std::string>;  ///< in order, each once
  [[nodiscard]] const Elements& wanted(base::Family family) const;

  std::map<base::Family, Elements> wanted_, held_;
};

}  // namespace flanneld
