// Chooses addresses: one per range set, round robin or as requested. Knows no files and no JSON.
#pragma once

#include <string>
#include <vector>

#include "cni-ipam/store/address_store.h"
#include "cni-ipam/store/range.h"
#include "common/cni/error.h"
#include "common/cni/request.h"

namespace ipam {

/// An address that was asked for.
struct Requested {
  base::IpAddress address;
  cni::ErrorCode code = cni::ErrorCode::invalid_config;  ///< of the error when it can never be given
};

struct Allocation {
  base::IpNet address;  ///< with the subnet's prefix length
  base::IpAddress gateway;
};

/// Takes one address out of each set for `attachment`: the first requested one that lies in it, else the next
/// free one. Takes none when it throws.
/// Throws cni::Error: conflict when the attachment holds an address already or a requested one is taken,
/// try_again_later when a set is exhausted, Requested::code when a requested address can never be given.
std::vector<Allocation> allocate(const std::vector<RangeSet>& sets, const std::vector<Requested>& requested,
                                 const cni::Attachment& attachment, AddressStore& store);

/// For people: how many addresses a full range set has, how many containers hold them, some of these by name,
/// and what frees an address.
std::string describe_exhaustion(const Usage& usage, const std::vector<std::string>& holders);

}  // namespace ipam
