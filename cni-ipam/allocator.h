// Chooses addresses: one per range set, round robin or as requested. Knows no files and no JSON.
#pragma once

#include <string>
#include <vector>

#include "cni-ipam/store/range.h"
#include "cni-ipam/store/address_store.h"
#include "common/cni/error.h"

namespace ipam {

/// An address that the caller wants, and whose mistake it is when it cannot be.
struct Requested {
  base::IpAddress address;
  cni::ErrorCode blame = cni::ErrorCode::invalid_config;
};

struct Allocation {
  base::IpNet address;  ///< with the subnet's prefix length
  base::IpAddress gateway;
};

/// Takes one address out of each set for `owner`. Of several requested addresses that lie in one set
/// the first is taken. All or nothing: what was taken is given back when it throws.
/// Throws cni::Error: conflict when `owner` holds an address already or a requested one is taken,
/// try_again_later when a set is exhausted, `blame` when a requested address cannot be given at all.
std::vector<Allocation> allocate(const std::vector<RangeSet>& sets, const std::vector<Requested>& requested,
                                 const Owner& owner, AddressStore& store);

/// "254 addresses, 254 of them held by 250 containers".
std::string figures(const Usage& usage);

/// A lease's mark for people: "container 'abc', interface 'eth0'".
std::string describe_mark(const std::string& mark);

}  // namespace ipam
