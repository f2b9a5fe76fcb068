#include "cni-ipam/lease_index.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/unique_fd.h"

namespace ipam {
namespace {

using base::IpAddress;

constexpr char kMagic[8] = {'i', 'p', 'a', 'm', 'i', 'd', 'x', '1'};
constexpr uint64_t kFirstRoom = 512;
constexpr uint64_t kMostRoom = 1ULL << 26;
constexpr uint32_t kEnd = UINT32_MAX;

uint64_t mix(uint64_t x) {  // the finaliser of splitmix64
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

bool in_range(const IpAddress& address, const IpAddress& first, const IpAddress& last) {
  return address.family() == first.family() && first <= address && address <= last;
}

void copy_boot_id(char (&to)[40], const std::string& from) {
  std::memset(to, 0, sizeof to);
  std::memcpy(to, from.data(), std::min(from.size(), sizeof to));
}

}  // namespace

struct LeaseIndex::Header {
  char magic[8];
  char boot_id[40];
  uint64_t device, inode;
  int64_t mark;
  uint64_t swept;
  uint64_t lease_room, lease_count;  ///< room for leases is the number of buckets as well; a power of 2
  uint64_t block_room, block_count;  ///< likewise a power of 2
  uint32_t free_lease, padding;      ///< head of the list of unused lease entries
};

std::string index_path(const std::string& state_directory, const std::string& directory) {
  constexpr size_t kMaxName = 200;  // with room for what a temporary name adds
  std::string name;
  for (const char c : directory) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    char escaped[5];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    name += c == '/' ? "-" : plain ? std::string(1, c) : std::string(escaped);
  }
  return name.size() > kMaxName ? std::string() : state_directory + "/" + name + ".index";
}

uint64_t hash_mark(std::string_view mark) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : mark) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(hash);
}

LeaseIndex::Region::~Region() {
  if (data_) ::munmap(data_, size_);
}

size_t LeaseIndex::size_for(uint64_t leases, uint64_t blocks) {
  return sizeof(Header) + leases * (sizeof(Lease) + sizeof(uint32_t)) + blocks * sizeof(Block);
}

LeaseIndex::Header& LeaseIndex::header() const { return *reinterpret_cast<Header*>(region_.data()); }
LeaseIndex::Lease* LeaseIndex::leases() const {
  return reinterpret_cast<Lease*>(region_.data() + sizeof(Header));
}
LeaseIndex::Block* LeaseIndex::blocks() const {
  return reinterpret_cast<Block*>(leases() + header().lease_room);
}
uint32_t* LeaseIndex::buckets() const { return reinterpret_cast<uint32_t*>(blocks() + header().block_room); }

LeaseIndex::LeaseIndex(const StoreIdentity& identity)
    : LeaseIndex(with_room(identity, kFirstRoom, kFirstRoom)) {}

LeaseIndex LeaseIndex::with_room(const StoreIdentity& identity, uint64_t leases, uint64_t blocks) {
  const size_t size = size_for(leases, blocks);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) base::throw_errno("get memory for the index of leases");
  LeaseIndex index(Region(data, size));
  Header& header = index.header();
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  copy_boot_id(header.boot_id, identity.boot_id);
  header.device = identity.device;
  header.inode = identity.inode;
  header.lease_room = leases;
  header.block_room = blocks;
  std::memset(index.buckets(), 0xff, leases * sizeof(uint32_t));  // all kEnd
  header.free_lease = kEnd;
  return index;
}

std::optional<LeaseIndex> LeaseIndex::open(const std::string& path, const StoreIdentity& identity,
                                           bool writable) {
  const base::UniqueFd fd(
      ::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto size = static_cast<size_t>(status.st_size);
  if (size < sizeof(Header) || size > size_for(kMostRoom, kMostRoom)) return std::nullopt;
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, writable ? MAP_SHARED : MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return std::nullopt;
  LeaseIndex index(Region(data, size));
  if (!index.fits(identity)) return std::nullopt;
  index.in_file_ = true;
  return index;
}

bool LeaseIndex::fits(const StoreIdentity& identity) const {
  const Header& own = header();
  char boot_id[40];
  copy_boot_id(boot_id, identity.boot_id);
  const auto sound = [](uint64_t room, uint64_t count) {
    return std::has_single_bit(room) && room <= kMostRoom && count <= room;
  };
  return std::memcmp(own.magic, kMagic, sizeof kMagic) == 0 &&
         std::memcmp(own.boot_id, boot_id, sizeof boot_id) == 0 && own.device == identity.device &&
         own.inode == identity.inode && sound(own.lease_room, own.lease_count) &&
         sound(own.block_room, own.block_count) && region_.size() == size_for(own.lease_room, own.block_room);
}

int64_t LeaseIndex::mark() const { return header().mark; }
bool LeaseIndex::swept() const { return header().swept != 0; }
void LeaseIndex::set_swept() { header().swept = 1; }
void LeaseIndex::distrust() { header().mark = 0; }

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

void LeaseIndex::add_lease(uint64_t owner, uint64_t container, const LeaseKey& address) {
  Header& own = header();
  uint32_t slot = own.free_lease;
  if (slot < own.lease_room) {
    own.free_lease = leases()[slot].next;
  } else if (own.lease_count < own.lease_room) {  // entries were never used from lease_count on
    slot = static_cast<uint32_t>(own.lease_count++);
  } else {
    return;
  }
  uint32_t& head = buckets()[owner & (own.lease_room - 1)];
  leases()[slot] = {owner, container, address, head, 0};
  head = slot;
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
  bigger.header().swept = own.swept;
  for (uint64_t i = 0; i < own.block_room; ++i)
    if (blocks()[i].taken != 0) bigger.set_taken(blocks()[i].base, blocks()[i].taken);
  uint64_t left = own.lease_count;  // bounds the walk, should a chain be damaged
  for (uint64_t bucket = 0; bucket < own.lease_room; ++bucket)
    for (uint32_t at = buckets()[bucket]; at < own.lease_room && left > 0; at = leases()[at].next, --left)
      bigger.add_lease(leases()[at].owner, leases()[at].container, leases()[at].address);
  *this = std::move(bigger);
}

void LeaseIndex::insert_unowned(const IpAddress& address) {
  make_room();
  const LeaseKey key(address);
  set_taken(key, 1ULL << key.offset());
}

void LeaseIndex::insert(const IpAddress& address, std::string_view mark) {
  insert_unowned(address);
  add_lease(hash_mark(mark), hash_mark(mark.substr(0, mark.find('\r'))), LeaseKey(address));
}

void LeaseIndex::erase(const IpAddress& address, std::string_view mark) {
  const LeaseKey key(address);
  if (Block* block = find_block(key.block()); block && block->used != 0)
    block->taken &= ~(1ULL << key.offset());
  Header& own = header();
  const uint64_t owner = hash_mark(mark);
  uint32_t* link = &buckets()[owner & (own.lease_room - 1)];
  for (uint64_t step = 0; *link < own.lease_room && step < own.lease_room; ++step) {
    Lease& lease = leases()[*link];
    if (lease.owner == owner && lease.address == key) {
      const uint32_t slot = *link;
      *link = lease.next;
      lease.next = own.free_lease;
      own.free_lease = slot;
      return;
    }
    link = &lease.next;
  }
}

std::vector<IpAddress> LeaseIndex::find(std::string_view mark) const {
  std::vector<IpAddress> found;
  const uint64_t owner = hash_mark(mark);
  const uint64_t room = header().lease_room;
  uint32_t at = buckets()[owner & (room - 1)];
  for (uint64_t step = 0; at < room && step < room; at = leases()[at].next, ++step)
    if (leases()[at].owner == owner) found.push_back(leases()[at].address.address());
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

uint64_t LeaseIndex::count(const IpAddress& first, const IpAddress& last) const {
  uint64_t count = 0;
  for (uint64_t i = 0; i < header().block_room; ++i) {
    const Block& block = blocks()[i];
    if (block.taken == 0) continue;
    const IpAddress base = block.base.address();
    for (uint64_t bits = block.taken; bits != 0; bits &= bits - 1)
      if (in_range(base.plus(static_cast<uint64_t>(std::countr_zero(bits))), first, last)) ++count;
  }
  return count;
}

void LeaseIndex::containers(const IpAddress& first, const IpAddress& last, std::vector<uint64_t>& out) const {
  const Header& own = header();
  uint64_t left = own.lease_count;
  for (uint64_t bucket = 0; bucket < own.lease_room; ++bucket)
    for (uint32_t at = buckets()[bucket]; at < own.lease_room && left > 0; at = leases()[at].next, --left)
      if (in_range(leases()[at].address.address(), first, last)) out.push_back(leases()[at].container);
}

void LeaseIndex::publish(const std::string& path, int64_t mark) {
  header().mark = mark;
  if (in_file_) return;
  // A file of its own under a new name: whoever maps the old one keeps a whole one.
  const size_t slash = path.rfind('/');
  const base::UniqueFd dir = base::make_directory(path.substr(0, slash), 0755);
  base::replace_file_at(dir.get(), path.substr(slash + 1), {region_.data(), region_.size()}, 0600);
}

}  // namespace ipam
