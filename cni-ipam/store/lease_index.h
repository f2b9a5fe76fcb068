// Which addresses are taken, and by which marks, as two hash tables in one block of memory that may be a
// file's. It makes answers fast and proves none: the store compares its seal with the directory before it
// takes it for complete, and reads a lease before it acts on it.
//
// The file belongs to one machine and one boot: native byte order, ignored when anything in it looks wrong. A
// lease takes 20 bytes of it, and a call touches a few pages.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cni-ipam/store/lease_key.h"
#include "common/base/ip.h"

namespace ipam {

/// The directory that an index describes, and the boot in which it does.
struct StoreIdentity {
  std::string boot_id;
  uint64_t device = 0, inode = 0;
};

/// The index file of the store `directory`: its path with '/' as '-' and other unusual bytes as \xNN.
/// Empty when that is too long for a file name: such a store has no index.
std::string index_path(const std::string& state_directory, const std::string& directory);

class LeaseIndex {
 public:
  /// How many round robins it remembers: those of range sets 0 to 7.
  static constexpr size_t kCursors = 8;
  enum class Access {
    read,  ///< changes stay in this process
    write  ///< changes go to the file
  };

  /// An empty one, in memory, with room for this many leases before it has to grow.
  explicit LeaseIndex(const StoreIdentity& identity, uint64_t leases = 0);
  /// Maps the file at `path`; nullopt if it is absent, damaged or not of `identity`.
  static std::optional<LeaseIndex> open(const std::string& path, const StoreIdentity& identity,
                                        Access access);

  /// The modification time of the directory (ns) with which the index holds every lease and nothing else; 0
  /// if it does not.
  [[nodiscard]] int64_t sealed_at() const;
  void seal(int64_t directory_time);
  void unseal();
  /// Whether the leases of earlier boots were removed.
  [[nodiscard]] bool swept() const;
  void set_swept();
  /// Where the round robin of range set number `set` stood at the last call; nullopt: not known.
  [[nodiscard]] std::optional<base::IpAddress> cursor(size_t set) const;
  void set_cursor(size_t set, const base::IpAddress& address);

  void insert(const base::IpAddress& address, std::string_view mark);
  /// Marks `address` as taken without a mark that find() could find it by.
  void insert_unowned(const base::IpAddress& address);
  void erase(const base::IpAddress& address, std::string_view mark);
  /// Removes the addresses that are not taken in `present`.
  void retain(const LeaseIndex& present);

  /// The addresses with this mark, and perhaps some with another mark of the same hash.
  [[nodiscard]] std::vector<base::IpAddress> find(std::string_view mark) const;
  [[nodiscard]] bool is_taken(const base::IpAddress& address) const;
  [[nodiscard]] std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                                          const base::IpAddress& last) const;
  /// The taken addresses, in no order.
  void for_each(const std::function<void(const base::IpAddress&)>& visit) const;
  [[nodiscard]] uint64_t count() const;
  /// How many addresses from `first` to `last` are taken.
  [[nodiscard]] uint64_t count(const base::IpAddress& first, const base::IpAddress& last) const;
  /// Appends the hashes of the containers that hold addresses from `first` to `last`, in no order, one for
  /// each address.
  void containers(const base::IpAddress& first, const base::IpAddress& last,
                  std::vector<uint64_t>& out) const;

  /// Writes the index to `path`, unless it is mapped from there. Throws base::SystemError.
  void publish(const std::string& path);

 private:
  /// Owns a memory mapping.
  class Region {
   public:
    Region(void* data, size_t size) : data_(data), size_(size) {}
    Region(Region&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
    Region& operator=(Region&& other) noexcept {
      std::swap(data_, other.data_);
      std::swap(size_, other.size_);
      return *this;
    }
    Region(const Region&) = delete;
    Region& operator=(const Region&) = delete;
    ~Region();
    [[nodiscard]] char* data() const { return static_cast<char*>(data_); }
    [[nodiscard]] size_t size() const { return size_; }

   private:
    void* data_;
    size_t size_;
  };

  struct Header {
    char magic[8];
    char boot_id[40];
    uint64_t device, inode;
    int64_t sealed_at;
    uint64_t swept;
    uint64_t lease_room, lease_count;  ///< room for leases is the number of buckets as well; a power of 2
    uint64_t block_room, block_count;  ///< likewise a power of 2
    uint32_t free_lease, padding;      ///< head of the list of unused lease entries
    struct {
      LeaseKey address;
      uint64_t known;
    } cursors[kCursors];
  };
  struct Lease {  // a link in the chain of a bucket, or of the free list
    uint64_t owner;
    uint32_t place;  ///< of the address: number of its block * 64 + its bit there
    uint32_t next;
  };
  struct Block {  // open addressing, never taken out: a rehash drops those that are 0
    LeaseKey base;
    uint64_t taken;
    uint64_t used;
  };

  static constexpr uint64_t kMostRoom = 1ULL << 26;
  static constexpr uint32_t kEnd = UINT32_MAX;  ///< of a chain

  explicit LeaseIndex(Region region) : region_(std::move(region)) {}
  static LeaseIndex with_room(const StoreIdentity& identity, uint64_t leases, uint64_t blocks);
  static size_t size_for(uint64_t leases, uint64_t blocks);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] Lease* leases() const;
  [[nodiscard]] uint32_t* buckets() const;
  [[nodiscard]] Block* blocks() const;
  [[nodiscard]] bool fits(const StoreIdentity& identity) const;
  [[nodiscard]] Block* find_block(const LeaseKey& base) const;  ///< it, or the free slot for it
  [[nodiscard]] std::optional<uint32_t> place_of(const LeaseKey& address) const;
  [[nodiscard]] std::optional<base::IpAddress> address_at(uint32_t place) const;
  void add_lease(uint64_t owner, uint32_t place);
  void remove_lease(uint32_t* link);  ///< `link` leads to it
  void set_taken(const LeaseKey& address, uint64_t bits);
  void make_room();

  Region region_;
  bool in_file_ = false;
};

}  // namespace ipam
