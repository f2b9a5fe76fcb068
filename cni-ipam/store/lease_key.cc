#include "cni-ipam/store/lease_key.h"

namespace ipam {
namespace {

constexpr uint64_t kMappedPrefix = 0xffff00000000;  // low half of ::ffff:0.0.0.0
constexpr uint64_t kBlockBits = 63;

}  // namespace

LeaseKey::LeaseKey(const base::IpAddress& address) : base::Uint128(address.number()) {
  if (address.is_v4()) low |= kMappedPrefix;
}

base::IpAddress LeaseKey::address() const {
  const bool mapped = high == 0 && low >> 32 == kMappedPrefix >> 32;
  return base::IpAddress::from_number(mapped ? base::Family::v4 : base::Family::v6, *this);
}

LeaseKey LeaseKey::block() const {
  LeaseKey base = *this;
  base.low &= ~kBlockBits;
  return base;
}

unsigned LeaseKey::offset() const { return static_cast<unsigned>(low & kBlockBits); }

}  // namespace ipam
