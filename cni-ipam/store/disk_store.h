// Leases as host-local keeps them: a directory per network, a file per address (README.md has the
// format). Both programs may work on one directory at once; the lock file orders them.
//
// The index is complete until another program changes the directory. From then on it still holds the leases
// that we made, but others may be missing, and some may be gone. README.md, Decisions, says what each call
// does then.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cni-ipam/store/address_store.h"
#include "cni-ipam/store/lease_index.h"
#include "cni-ipam/store/machine.h"
#include "common/base/file_lock.h"
#include "common/cni/error.h"

namespace ipam {

class DiskStore final : public AddressStore {
 public:
  enum class Mode {
    create,    ///< makes the directory and the lock file if they are absent
    existing,  ///< works on a directory that exists
    look       ///< works on a directory that exists, and changes nothing
  };
  static constexpr std::chrono::seconds kLockTimeout{30};

  /// Opens and locks the store; nullptr if there is none and `mode` is not create. The first call after a
  /// boot also removes the leases of earlier boots and torn leases. Throws cni::Error.
  static std::unique_ptr<DiskStore> open(const std::string& directory, Mode mode, const Machine& machine,
                                         std::chrono::seconds lock_timeout = kLockTimeout);
  /// Seals the index.
  ~DiskStore() override;

  /// Learns the leases that another program made by round robin over `sets`: those between where the round
  /// robin stood at our last call and where it stands now. Does nothing when the index is complete.
  void follow_round_robin(const std::vector<RangeSet>& sets);

  std::vector<base::IpAddress> held_by(const std::string& mark) override;
  /// As held_by, but misses no lease: reads all when the index may not be complete, unless an address out of
  /// each of `sets` is known, which is as many as ADD gives.
  std::vector<base::IpAddress> find_all(const std::string& mark, const std::vector<RangeSet>& sets);
  std::optional<std::string> mark_of(const base::IpAddress& address) override;
  std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                            const base::IpAddress& last) override;
  bool look_again() override;
  bool reserve(const base::IpAddress& address, const std::string& mark) override;
  void release(const base::IpAddress& address, const std::string& mark) override;
  std::optional<base::IpAddress> last_reserved(size_t set) override;
  void set_last_reserved(size_t set, const base::IpAddress& address) override;
  Usage usage(const RangeSet& set) override;

  /// Removes the leases for whose mark `is_live` is false, and half-written files. Reads all leases. Goes on
  /// after a failure and throws at the end.
  void collect(const std::function<bool(const std::string& mark)>& is_live);

  /// Paths of the leases that could not be read, so that nobody knows who holds them.
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  /// What a scan removes.
  struct ScanRules {
    std::optional<int64_t> oldest = {};  ///< leases modified before this time (ns)
    const std::function<bool(const std::string&)>* is_live = nullptr;  ///< leases for which it is false
    cni::Attempts* failures = nullptr;  ///< keeps failures and removes half-written files; nullptr: neither
  };
  /// How far this call has looked beyond the index that it found.
  enum class Looked { at_index, at_names, at_leases };
  DiskStore(std::string directory, base::UniqueFd dir, std::optional<base::FileLock> lock, Mode mode);
  void load(const Machine& machine, const std::string& boot_id);
  void scan(const ScanRules& rules);
  void scan_lease(const base::IpAddress& address, const ScanRules& rules);
  LeaseIndex list_leases(const ScanRules& rules);
  void learn(const base::IpAddress& address);
  bool take_over_torn(const std::string& name, const std::string& mark);
  void seal();
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return fmt::format("{}/{}", directory_, name);
  }

  std::string directory_;
  base::UniqueFd dir_;
  std::optional<base::FileLock> lock_;  ///< none with Mode::look in a store that has no lock file
  Mode mode_;
  std::string index_path_;  ///< empty if there is no place to keep the index
  StoreIdentity identity_;
  std::optional<LeaseIndex> index_;
  std::vector<std::string> unreadable_;
  bool complete_ = false;  ///< the index holds every lease and nothing else
  Looked looked_ = Looked::at_index;
  size_t surprises_ = 0;  ///< addresses that were free by the index and were not
};

}  // namespace ipam
