// Where leases are kept, as the allocator sees it: no files, no formats. All calls on one object see
// one unchanging state, because the object holds the store's lock for its whole life.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cni-ipam/store/range.h"
#include "common/base/ip.h"
#include "common/base/text.h"

namespace ipam {

/// Who holds an address: an interface of a container.
struct Owner {
  std::string container_id;
  std::string ifname;

  /// The mark of a lease, in memory and on disk.
  [[nodiscard]] std::string mark() const {
    return std::string(base::trimmed(fmt::format("{}\r\n{}", base::trimmed(container_id), ifname)));
  }
  /// The mark as host-local wrote it before it knew interfaces.
  [[nodiscard]] std::string legacy_mark() const { return std::string(base::trimmed(container_id)); }
};

/// How much of a range set is in use.
struct Usage {
  uint64_t addresses = 0;   ///< that can be given out; saturates
  uint64_t held = 0;        ///< of those
  uint64_t containers = 0;  ///< that hold them
};

class AddressStore {
 public:
  AddressStore() = default;
  AddressStore(const AddressStore&) = delete;
  AddressStore& operator=(const AddressStore&) = delete;
  virtual ~AddressStore() = default;

  /// The addresses whose lease is known to bear exactly `mark`, sorted. What another program gave out
  /// may not be known.
  virtual std::vector<base::IpAddress> held_by(const std::string& mark) = 0;
  /// The mark of the lease of `address`; nullopt if it is free.
  virtual std::optional<std::string> mark_of(const base::IpAddress& address) = 0;
  /// The lowest address from `first` to `last` that is not taken; nullopt if all are.
  virtual std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                                    const base::IpAddress& last) = 0;
  /// Looks for what others gave back and gave out; false if that is known already.
  virtual bool look_again() = 0;
  /// Takes `address` for `owner`; false if it is taken.
  virtual bool reserve(const base::IpAddress& address, const Owner& owner) = 0;
  /// Gives back the lease of `address`, which bears `mark`. Its absence is no error.
  virtual void release(const base::IpAddress& address, const std::string& mark) = 0;

  /// Where the round robin of range set number `set` stands; a hint that may be missing or stale.
  virtual std::optional<base::IpAddress> last_reserved(size_t set) = 0;
  /// Moves that. A failure is ignored: the next search then begins elsewhere, and that is all.
  virtual void set_last_reserved(size_t set, const base::IpAddress& address) = 0;

  virtual Usage usage(const RangeSet& set) = 0;
};

}  // namespace ipam
