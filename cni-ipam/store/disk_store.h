// Leases as host-local keeps them: a directory per network, a file per address (README.md has the
// format). Both programs may work on one directory at once; the lock file orders them.
//
// The index is complete until another program changes the directory. From then on it still holds all
// that we did, but an owner that it does not know may hold an address, and an address that is taken in it
// may be free. No call trusts it beyond that; README.md, Decisions, has what each does then.
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
    create,    ///< makes the directory and the lock file where absent
    existing,  ///< works on a directory that is there
    look       ///< likewise, and changes nothing at all
  };
  static constexpr std::chrono::seconds kLockTimeout{30};

  /// Opens and locks the store; nullptr if there is none and `mode` is not create. Leases from before
  /// this boot and torn leases are taken back on the way, on the first call after boot at the latest.
  /// Throws cni::Error.
  static std::unique_ptr<DiskStore> open(const std::string& directory, Mode mode, const Machine& machine,
                                         std::chrono::seconds lock_timeout = kLockTimeout);
  /// Seals the index.
  ~DiskStore() override;

  /// Learns what others gave out by round robin over `sets`: the addresses between where the round robin
  /// stood at our last call and where it stands now. Nothing to do when the index is complete.
  void follow_round_robin(const std::vector<RangeSet>& sets);

  std::vector<base::IpAddress> held_by(const std::string& mark) override;
  /// As held_by, and certain: all leases are read when the index may not be complete, unless an address
  /// out of each of `sets` is known. That is as many as ADD gives.
  std::vector<base::IpAddress> find_all(const std::string& mark, const std::vector<RangeSet>& sets);
  std::optional<std::string> mark_of(const base::IpAddress& address) override;
  std::optional<base::IpAddress> first_free(const base::IpAddress& first,
                                            const base::IpAddress& last) override;
  bool look_again() override;
  bool reserve(const base::IpAddress& address, const Owner& owner) override;
  void release(const base::IpAddress& address, const std::string& mark) override;
  std::optional<base::IpAddress> last_reserved(size_t set) override;
  void set_last_reserved(size_t set, const base::IpAddress& address) override;
  Usage usage(const RangeSet& set) override;

  /// Releases every lease whose mark `is_live` does not know, and half-written files. Reads all
  /// leases. Goes on after a failure and throws at the end.
  void collect(const std::function<bool(const std::string& mark)>& is_live);

  /// Names of leases that could not be read: their owners are not known.
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  /// What a scan may clear away.
  struct ScanRules {
    std::optional<int64_t> oldest;  ///< leases modified before that (ns) are dead
    const std::function<bool(const std::string&)>* is_live = nullptr;  ///< nullptr: all are
    cni::Attempts* failures = nullptr;                                 ///< nullptr: ignored
  };
  DiskStore(std::string directory, base::UniqueFd dir, std::optional<base::FileLock> lock, Mode mode);
  void load(const Machine& machine, const std::string& boot_id);
  void scan(const ScanRules& rules);
  void scan_lease(const base::IpAddress& address, const ScanRules& rules);
  LeaseIndex list_leases(const ScanRules& rules);
  void learn(const base::IpAddress& address);
  bool take_over_torn(const std::string& name, const std::string& mark);
  void begin_change();
  void seal();
  [[nodiscard]] std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  base::UniqueFd dir_;
  std::optional<base::FileLock> lock_;  ///< none when looking at a store that has no lock file
  Mode mode_;
  std::string index_path_;  ///< empty: the index is not kept
  StoreIdentity identity_;
  std::optional<LeaseIndex> index_;
  std::vector<std::string> unreadable_;
  bool changed_ = false;   ///< the directory or the index has changed since the last seal
  bool complete_ = false;  ///< the index holds every lease and nothing else
  bool listed_ = false;    ///< the names in the directory were looked at in this call
  bool scanned_ = false;   ///< and the leases were read
  size_t surprises_ = 0;   ///< addresses that were thought to be free and were not
};

}  // namespace ipam
