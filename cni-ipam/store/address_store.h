// Where leases are kept, as the allocator sees it: no files, no formats. The object holds the store's lock
// for its whole life, so that no other call changes the store between two calls on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cni-ipam/store/range.h"
#include "common/base/ip.h"

namespace ipam {

/// How much of a range set is in use.
struct Usage {
  uint64_t addresses = 0;   ///< that can be given out; UINT64_MAX at most
  uint64_t held = 0;        ///< of those
  uint64_t containers = 0;  ///< that hold them
};

class AddressStore {
 public:
  AddressStore() = default;
  AddressStore(const AddressStore&) = delete;
  AddressStore& operator=(const AddressStore&) = delete;
  virtual ~AddressStore() = default;

  /// The addresses of the leases with exactly this mark, sorted. The leases that another program made may be
  /// missing.
  virtual std::vector<base::IpAddress> held_by(const std::string& mark) = 0;
  /// The mark of the lease of `address`; nullopt if the address is free.
  virtual std::optional<std::string> mark_of(const base::IpAddress& address) = 0;
  /// The lowest address from `first` to `last` that is free as far as is known; nullopt if none is.
  virtual std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                                    const base::IpAddress& last) = 0;
  /// Looks for leases that others made and removed; false if all of them are known already.
  virtual bool look_again() = 0;
  /// Makes a lease of `address` with this mark; false if there is one.
  virtual bool reserve(const base::IpAddress& address, const std::string& mark) = 0;
  /// Removes the lease of `address`, which has this mark. No error if there is none.
  virtual void release(const base::IpAddress& address, const std::string& mark) = 0;

  /// The address that was given out last from range set number `set`; a hint that may be absent or stale.
  virtual std::optional<base::IpAddress> last_reserved(size_t set) = 0;
  /// Sets that hint. A failure is ignored: the next search then begins elsewhere.
  virtual void set_last_reserved(size_t set, const base::IpAddress& address) = 0;

  virtual Usage usage(const RangeSet& set) = 0;
};

}  // namespace ipam
