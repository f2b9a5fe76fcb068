// The set of the addresses from which other nodes send into the tunnel, in our table of each family: kept by
// its elements alone, as leases come and go more often than rules.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/netfilter/nft_table.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/socket.h"
#include "flanneld/traffic/traffic_spec.h"

namespace flanneld {

class NodeSet {
 public:
  /// The addresses that the sets are to hold, of both families.
  void want(const std::vector<base::IpAddress>& nodes);
  /// What has become of them since. Costs as much as there are changes, however many addresses there are.
  void change(const NodeChange& nodes);

  /// Puts the set with its elements into a table that is written anew.
  void add_to(netfilter::NftTransaction& transaction, base::Family family) const;
  /// The transaction of add_to() was done.
  void note_written(base::Family family);

  /// There is something to send.
  [[nodiscard]] bool has_changed(base::Family family) const { return !of(family).changed.empty(); }
  /// Sends what has changed since. False if the set is not as it was written. Throws SystemError.
  bool update(netlink::NetlinkSocket& socket, base::Family family, const netfilter::NftTable& table);
  /// True if the kernel's set holds what was written. Throws SystemError.
  [[nodiscard]] bool is_intact(netlink::NetlinkSocket& socket, base::Family family,
                               const netfilter::NftTable& table) const;

 private:
  struct Element {
    size_t wanted = 0;     ///< so many times: two leases may have one address
    bool is_held = false;  ///< it was written
  };
  /// Of one family. No element is neither wanted nor held.
  struct Elements {
    std::map<std::string, Element> all;
    std::set<std::string> changed;  ///< those that are either wanted or held

    /// The element is wanted so many times from now on.
    void want(const std::string& value, size_t times);
    void note_written();
  };
  [[nodiscard]] const Elements& of(base::Family family) const;

  std::map<base::Family, Elements> families_;
};

}  // namespace flanneld
