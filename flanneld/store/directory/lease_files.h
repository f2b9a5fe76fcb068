// The files of a lease directory: names, contents and times, and what of them is a lease. Knows no plan.
//   config           the network configuration
//   subnets/<key>    one lease: key and JSON as in etcd. It expires at the file's modification time; one in
//   1970
//                    marks a reservation, which does not expire.
//   lock             flock(2) around every change
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/file.h"
#include "common/base/file_lock.h"
#include "common/base/unique_fd.h"
#include "flanneld/lease/clock.h"
#include "flanneld/lease/lease.h"
#include "flanneld/store/lease_store.h"
#include "flanneld/store/skipped_entries.h"

namespace flanneld {

class LeaseFiles {
 public:
  using Skipped = std::function<void(const EntrySkipped&)>;

  /// `skipped` is called once for each value of an entry that is passed over.
  LeaseFiles(std::string path, WallClock now, Skipped skipped)
      : path_(std::move(path)), now_(std::move(now)), skipped_(std::move(skipped)) {}

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string subnets_path() const;

  /// Opens the directories, and makes them if absent. Throws SystemError.
  void open();
  /// False when they were not opened, have been removed, or others are in their place.
  [[nodiscard]] bool is_open() const;

  // The following work on what open() has opened, and throw SystemError.

  /// nullopt when there is no such file.
  [[nodiscard]] std::optional<std::string> read_config() const;
  /// Held while the leases are read and changed; nullopt: another process has it.
  [[nodiscard]] std::optional<base::FileLock> try_lock() const;
  /// Likewise, after a second's wait at most.
  [[nodiscard]] base::FileLock lock() const;
  /// All leases that have not ended, by name. The files of ended ones are removed. A file that cannot be read
  /// stands for its lease in `known`, or is an error.
  enum class Unreadable { is_known_lease, is_error };
  std::vector<Lease> read(const std::vector<Lease>& known, Unreadable unreadable);
  /// Replaces the lease's file in one step.
  void write(const Lease& lease);
  /// Whether the lease's file is the one that write() made last: another node's is another file, even if its
  /// content is the same.
  [[nodiscard]] bool is_as_written(const LeaseKey& key) const;
  void remove(const LeaseKey& key) const;

  /// What the last read() has passed over.
  [[nodiscard]] PassedOver skipped() const { return unreadable_.view(); }

 private:
  /// nullopt: it has gone or ended, or is not a lease.
  std::optional<Lease> read_lease(const std::string& name, const LeaseKey& key);
  void skip(const std::string& name, const std::string& reason, const std::string& value = {});

  std::string path_;
  WallClock now_;
  Skipped skipped_;
  base::UniqueFd directory_, subnets_;
  ino_t written_ = 0;  ///< the file's number
  SkippedEntries unreadable_;
};

}  // namespace flanneld
