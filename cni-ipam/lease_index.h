// Who holds what, as two hash tables in one block of memory that may be a file's: owner to addresses,
// and a bitmap of taken addresses. It makes answers fast and vouches for none: the store compares its
// mark with the directory before it believes it, and reads a lease before it acts on it.
//
// The file is one machine's and one boot's: native byte order, dropped when anything looks odd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cni-ipam/lease_key.h"
#include "common/base/ip.h"

namespace ipam {

/// Which directory an index speaks of, and in which boot.
struct StoreIdentity {
  std::string boot_id;
  uint64_t device = 0, inode = 0;
};

/// The index file of the store `directory`: its path with '/' as '-' and other unusual bytes as \xNN.
/// Empty when that is too long for a file name: such a store has no index.
std::string index_path(const std::string& state_directory, const std::string& directory);

uint64_t hash_mark(std::string_view mark);

class LeaseIndex {
 public:
  /// An empty one, in memory.
  explicit LeaseIndex(const StoreIdentity& identity);
  /// Maps the file at `path`; nullopt if it is absent, odd or not of `identity`. `writable` false
  /// gives a private view.
  static std::optional<LeaseIndex> open(const std::string& path, const StoreIdentity& identity,
                                        bool writable);

  /// The directory time (ns) at which the index was complete; 0: never.
  [[nodiscard]] int64_t mark() const;
  /// Whether leases from before this boot were taken back already.
  [[nodiscard]] bool swept() const;
  void set_swept();
  /// Makes the next call build another one.
  void distrust();

  void insert(const base::IpAddress& address, std::string_view mark);
  /// Taken, by nobody that could ever ask for it.
  void insert_unowned(const base::IpAddress& address);
  void erase(const base::IpAddress& address, std::string_view mark);

  /// May name addresses of another owner whose hash is the same.
  [[nodiscard]] std::vector<base::IpAddress> find(std::string_view mark) const;
  [[nodiscard]] bool is_taken(const base::IpAddress& address) const;
  [[nodiscard]] std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                                          const base::IpAddress& last) const;
  /// The taken addresses from `first` to `last`.
  [[nodiscard]] uint64_t count(const base::IpAddress& first, const base::IpAddress& last) const;
  /// The hashes of the containers that hold these; in no order, with repeats.
  void containers(const base::IpAddress& first, const base::IpAddress& last,
                  std::vector<uint64_t>& out) const;

  /// Makes `path` hold this index with `mark`; an index that is that file already gets just the mark.
  /// Throws base::SystemError.
  void publish(const std::string& path, int64_t mark);

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

  struct Header;
  struct Lease {  // a link in the chain of a bucket, or of the free list
    uint64_t owner, container;
    LeaseKey address;
    uint32_t next, padding;
  };
  struct Block {  // open addressing, never taken out: a rehash drops those that are 0
    LeaseKey base;
    uint64_t taken;
    uint64_t used;
  };

  explicit LeaseIndex(Region region) : region_(std::move(region)) {}
  static LeaseIndex with_room(const StoreIdentity& identity, uint64_t leases, uint64_t blocks);
  static size_t size_for(uint64_t leases, uint64_t blocks);
  [[nodiscard]] Header& header() const;
  [[nodiscard]] Lease* leases() const;
  [[nodiscard]] uint32_t* buckets() const;
  [[nodiscard]] Block* blocks() const;
  [[nodiscard]] bool fits(const StoreIdentity& identity) const;
  [[nodiscard]] Block* find_block(const LeaseKey& base) const;  ///< it, or the free slot for it
  void add_lease(uint64_t owner, uint64_t container, const LeaseKey& address);
  void set_taken(const LeaseKey& address, uint64_t bits);
  void make_room();

  Region region_;
  bool in_file_ = false;
};

}  // namespace ipam
