#include "cni-ipam/store/lease_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/hash.h"

namespace ipam {
namespace {

using base::IpAddress;

constexpr uint64_t kFirstRoom = 512;
constexpr uint32_t kBlockAddresses = 64;

uint64_t mix(uint64_t x) {  // the finaliser of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t hash(std::string_view text) { return mix(base::fnv1a_64(text)); }

/// Of a lease's mark. The upper bits are the container's alone, enough to count containers by.
constexpr unsigned kContainerShift = 24;
uint64_t hash_owner(std::string_view mark) {
  constexpr uint64_t kLower = (1ULL << kContainerShift) - 1;
  return (hash(mark.substr(0, mark.find('\r'))) & ~kLower) | (hash(mark) & kLower);
}

size_t bucket_of(uint64_t owner, uint64_t buckets) { return mix(owner) & (buckets - 1); }

bool in_range(const IpAddress& address, const IpAddress& first, const IpAddress& last) {
  return address.family() == first.family() && first <= address && address <= last;
}

}  // namespace

LeaseIndex::Header& LeaseIndex::header() const { return *reinterpret_cast<Header*>(region_.data()); }
LeaseIndex::Lease* LeaseIndex::leases() const {
  return reinterpret_cast<Lease*>(region_.data() + sizeof(Header));
}
LeaseIndex::Block* LeaseIndex::blocks() const {
  return reinterpret_cast<Block*>(leases() + header().lease_room);
}
uint32_t* LeaseIndex::buckets() const { return reinterpret_cast<uint32_t*>(blocks() + header().block_room); }

LeaseIndex::LeaseIndex(const StoreIdentity& identity, uint64_t leases)
    : LeaseIndex(with_room(identity, std::bit_ceil(std::clamp(leases, kFirstRoom, kMostRoom)), kFirstRoom)) {}

int64_t LeaseIndex::sealed_at() const { return header().sealed_at; }
bool LeaseIndex::swept() const { return header().swept != 0; }
void LeaseIndex::set_swept() { header().swept = 1; }
void LeaseIndex::seal(int64_t directory_time) { header().sealed_at = directory_time; }
void LeaseIndex::unseal() { header().sealed_at = 0; }

std::optional<IpAddress> LeaseIndex::cursor(size_t set) const {
  if (set >= kCursors || header().cursors[set].known == 0) return std::nullopt;
  return header().cursors[set].address.address();
}

void LeaseIndex::set_cursor(size_t set, const IpAddress& address) {
  if (set < kCursors) header().cursors[set] = {LeaseKey(address), 1};
}

LeaseIndex::Block* LeaseIndex::find_block(const LeaseKey& base) const {
  const uint64_t room = header().block_room;
  const uint64_t home = mix(base.high ^ mix(base.low));
  for (uint64_t step = 0; step < room; ++step) {
    Block& block = blocks()[(home + step) & (room - 1)];
    if (block.used == 0 || block.base == base) return &block;
  }
  return nullptr;  // a full table: only a damaged file has one
}

void LeaseIndex::set_taken(const LeaseKey& address, uint64_t bits) {
  Block* block = find_block(address.block());
  if (!block) return;
  if (block->used == 0) {
    block->base = address.block();
    block->used = 1;
    ++header().block_count;
  }
  block->taken |= bits;
}

std::optional<uint32_t> LeaseIndex::place_of(const LeaseKey& address) const {
  const Block* block = find_block(address.block());
  if (!block || block->used == 0) return std::nullopt;
  return static_cast<uint32_t>(static_cast<size_t>(block - blocks()) * kBlockAddresses + address.offset());
}

std::optional<IpAddress> LeaseIndex::address_at(uint32_t place) const {
  const uint32_t number = place / kBlockAddresses;
  if (number >= header().block_room) return std::nullopt;  // a damaged file
  return blocks()[number].base.address().plus(place % kBlockAddresses);
}

void LeaseIndex::add_lease(uint64_t owner, uint32_t place) {
  Header& own = header();
  uint32_t slot = own.free_lease;
  if (slot < own.lease_room) {
    own.free_lease = leases()[slot].next;
  } else if (own.lease_count < own.lease_room) {  // entries were never used from lease_count on
    slot = static_cast<uint32_t>(own.lease_count++);
  } else {
    return;
  }
  uint32_t& head = buckets()[bucket_of(owner, own.lease_room)];
  leases()[slot] = {owner, place, head};
  head = slot;
}

void LeaseIndex::remove_lease(uint32_t* link) {
  const uint32_t slot = *link;
  *link = leases()[slot].next;
  leases()[slot].next = header().free_lease;
  header().free_lease = slot;
}

void LeaseIndex::make_room() {
  const Header& own = header();
  const bool full = own.free_lease == kEnd && own.lease_count == own.lease_room;
  if (!full && own.block_count < own.block_room / 2) return;
  uint64_t live_blocks = 1;
  for (uint64_t i = 0; i < own.block_room; ++i) live_blocks += blocks()[i].taken != 0 ? 1 : 0;
  LeaseIndex bigger = with_room({{}, own.device, own.inode}, full ? own.lease_room * 2 : own.lease_room,
                                std::max(kFirstRoom, std::bit_ceil(live_blocks * 4)));
  std::memcpy(bigger.header().boot_id, own.boot_id, sizeof own.boot_id);
  std::memcpy(bigger.header().cursors, own.cursors, sizeof own.cursors);
  bigger.header().swept = own.swept;
  for (uint64_t i = 0; i < own.block_room; ++i)
    if (blocks()[i].taken != 0) bigger.set_taken(blocks()[i].base, blocks()[i].taken);
  uint64_t left = own.lease_count;  // bounds the walk, should a chain be damaged
  for (uint64_t bucket = 0; bucket < own.lease_room; ++bucket)
    for (uint32_t at = buckets()[bucket]; at < own.lease_room && left > 0; at = leases()[at].next, --left)
      if (const auto address = address_at(leases()[at].place))
        if (const auto place = bigger.place_of(LeaseKey(*address)))
          bigger.add_lease(leases()[at].owner, *place);
  *this = std::move(bigger);
}

void LeaseIndex::insert_unowned(const IpAddress& address) {
  make_room();
  const LeaseKey key(address);
  set_taken(key, 1ULL << key.offset());
}

void LeaseIndex::insert(const IpAddress& address, std::string_view mark) {
  insert_unowned(address);
  if (const auto place = place_of(LeaseKey(address))) add_lease(hash_owner(mark), *place);
}

void LeaseIndex::erase(const IpAddress& address, std::string_view mark) {
  const LeaseKey key(address);
  const auto place = place_of(key);
  if (!place) return;
  blocks()[*place / kBlockAddresses].taken &= ~(1ULL << key.offset());
  const uint64_t room = header().lease_room;
  const uint64_t owner = hash_owner(mark);
  uint32_t* link = &buckets()[bucket_of(owner, room)];
  for (uint64_t step = 0; *link < room && step < room; ++step) {
    const Lease& lease = leases()[*link];
    if (lease.owner == owner && lease.place == *place) return remove_lease(link);
    link = &leases()[*link].next;
  }
}

void LeaseIndex::retain(const LeaseIndex& present) {
  const uint64_t room = header().lease_room;
  for (uint64_t i = 0; i < header().block_room; ++i) {
    if (blocks()[i].taken == 0) continue;
    const Block* there = present.find_block(blocks()[i].base);
    blocks()[i].taken &= there ? there->taken : 0;
  }
  uint64_t left = header().lease_count;  // bounds the walk, should a chain be damaged
  for (uint64_t bucket = 0; bucket < room; ++bucket)
    for (uint32_t* link = &buckets()[bucket]; *link < room && left > 0; --left) {
      const uint32_t place = leases()[*link].place;
      const bool lives = place / kBlockAddresses < header().block_room &&
                         (blocks()[place / kBlockAddresses].taken >> place % kBlockAddresses & 1) != 0;
      if (lives)
        link = &leases()[*link].next;
      else
        remove_lease(link);
    }
}

std::vector<IpAddress> LeaseIndex::find(std::string_view mark) const {
  std::vector<IpAddress> found;
  const uint64_t owner = hash_owner(mark);
  const uint64_t room = header().lease_room;
  uint32_t at = buckets()[bucket_of(owner, room)];
  for (uint64_t step = 0; at < room && step < room; at = leases()[at].next, ++step)
    if (leases()[at].owner == owner)
      if (const auto address = address_at(leases()[at].place)) found.push_back(*address);
  return found;
}

bool LeaseIndex::is_taken(const IpAddress& address) const {
  const LeaseKey key(address);
  const Block* block = find_block(key.block());
  return block && (block->taken >> key.offset() & 1) != 0;
}

std::optional<IpAddress> LeaseIndex::first_free(const IpAddress& first, const IpAddress& last) const {
  IpAddress from = first;
  while (in_range(from, first, last)) {
    const LeaseKey key(from);
    const Block* block = find_block(key.block());
    const uint64_t free = ~(block ? block->taken : 0) >> key.offset();
    if (free != 0) {
      from = from.plus(static_cast<uint64_t>(std::countr_zero(free)));
      return in_range(from, first, last) ? std::optional(from) : std::nullopt;
    }
    from = from.plus(64 - key.offset());  // wraps below `first` at the family's end
  }
  return std::nullopt;
}

void LeaseIndex::for_each(const std::function<void(const IpAddress&)>& visit) const {
  for (uint64_t i = 0; i < header().block_room; ++i) {
    const IpAddress base = blocks()[i].base.address();
    for (uint64_t bits = blocks()[i].taken; bits != 0; bits &= bits - 1)
      visit(base.plus(static_cast<uint64_t>(std::countr_zero(bits))));
  }
}

uint64_t LeaseIndex::count() const {
  uint64_t count = 0;
  for (uint64_t i = 0; i < header().block_room; ++i)
    count += static_cast<uint64_t>(std::popcount(blocks()[i].taken));
  return count;
}

uint64_t LeaseIndex::count(const IpAddress& first, const IpAddress& last) const {
  uint64_t count = 0;
  for_each([&](const IpAddress& address) { count += in_range(address, first, last) ? 1 : 0; });
  return count;
}

void LeaseIndex::containers(const IpAddress& first, const IpAddress& last, std::vector<uint64_t>& out) const {
  const Header& own = header();
  uint64_t left = own.lease_count;
  for (uint64_t bucket = 0; bucket < own.lease_room; ++bucket)
    for (uint32_t at = buckets()[bucket]; at < own.lease_room && left > 0; at = leases()[at].next, --left)
      if (const auto address = address_at(leases()[at].place); address && in_range(*address, first, last))
        out.push_back(leases()[at].owner >> kContainerShift);
}

}  // namespace ipam
