// The index as a file: its name, its memory, and whether what a file holds can be one.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "cni-ipam/store/lease_index.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/base/unique_fd.h"

namespace ipam {
namespace {

constexpr char kMagic[8] = {'i', 'p', 'a', 'm', 'i', 'd', 'x', '2'};

void copy_boot_id(char (&to)[40], const std::string& from) {
  std::memset(to, 0, sizeof to);
  std::memcpy(to, from.data(), std::min(from.size(), sizeof to));
}

}  // namespace

std::string index_path(const std::string& state_directory, const std::string& directory) {
  constexpr size_t kMaxName = 200;  // with room for what a temporary name adds
  const std::string name = base::path_as_name(directory);
  return name.size() > kMaxName ? std::string() : fmt::format("{}/{}.index", state_directory, name);
}

LeaseIndex::Region::~Region() {
  if (data_) ::munmap(data_, size_);
}

size_t LeaseIndex::size_for(uint64_t leases, uint64_t blocks) {
  return sizeof(Header) + leases * (sizeof(Lease) + sizeof(uint32_t)) + blocks * sizeof(Block);
}

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
                                           Access access) {
  const base::UniqueFd fd(::open(
      path.c_str(), (access == Access::write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto size = static_cast<size_t>(status.st_size);
  if (size < sizeof(Header) || size > size_for(kMostRoom, kMostRoom)) return std::nullopt;
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      access == Access::write ? MAP_SHARED : MAP_PRIVATE, fd.get(), 0);
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

void LeaseIndex::publish(const std::string& path) {
  if (in_file_) return;
  // A file of its own under a new name: whoever maps the old one keeps a whole one.
  const size_t slash = path.rfind('/');
  const base::UniqueFd dir = base::make_directory(path.substr(0, slash), 0755);
  const std::string name = path.substr(slash + 1);
  base::remove_unfinished(dir.get(), name);
  base::replace_file_at(dir.get(), name, {region_.data(), region_.size()}, 0600);
}

}  // namespace ipam
