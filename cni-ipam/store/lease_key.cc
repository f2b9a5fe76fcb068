#include "cni-ipam/store/lease_key.h"

#include <endian.h>

#include <cstring>

namespace ipam {
namespace {

constexpr uint64_t kMappedPrefix = 0xffff00000000;  // low half of ::ffff:0.0.0.0
constexpr uint64_t kBlockBits = 63;

}  // namespace

LeaseKey::LeaseKey(const base::IpAddress& address) {
  if (address.is_v4()) {
    uint32_t v4 = 0;
    std::memcpy(&v4, address.data(), sizeof v4);
    low = kMappedPrefix | be32toh(v4);
  } else {
    uint64_t words[2] = {};
    std::memcpy(words, address.data(), sizeof words);
    high = be64toh(words[0]);
    low = be64toh(words[1]);
  }
}

base::IpAddress LeaseKey::address() const {
  if (high == 0 && low >> 32 == kMappedPrefix >> 32) return base::IpAddress::v4(static_cast<uint32_t>(low));
  const uint64_t words[2] = {htobe64(high), htobe64(low)};
  return *base::IpAddress::from_bytes(words, sizeof words);
}

LeaseKey LeaseKey::block() const {
  LeaseKey base = *this;
  base.low &= ~kBlockBits;
  return base;
}

unsigned LeaseKey::offset() const { return static_cast<unsigned>(low & kBlockBits); }

}  // namespace ipam
