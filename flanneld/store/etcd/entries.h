// The leases among etcd's entries: where they are, and what their names and values say.
//   <prefix>/config           the network configuration
//   <prefix>/subnets/<key>    one lease each
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "flanneld/lease/clock.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/lease_table.h"
#include "flanneld/store/etcd/messages.h"
#include "flanneld/store/lease_store.h"
#include "flanneld/store/skipped_entries.h"

namespace flanneld {

/// Joins as upstream does: no empty component, no slash at the end.
std::string clean_etcd_prefix(std::string_view prefix);

class LeaseEntries {
 public:
  using Skipped = std::function<void(const EntrySkipped&)>;

  /// `prefix` without a slash at the end. `skipped` is called once for each value that cannot be read.
  LeaseEntries(std::string prefix, WallClock now, Skipped skipped)
      : prefix_(std::move(prefix)), now_(std::move(now)), skipped_(std::move(skipped)) {}

  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] std::string config_path() const;
  /// What the paths of all leases begin with.
  [[nodiscard]] std::string subnets() const;
  [[nodiscard]] std::string path(const LeaseKey& key) const;

  /// A list of all entries begins and ends. Entries that are passed over and not read between are gone.
  void begin_list() { unreadable_.begin_list(); }
  void end_list();
  /// For an entry that is too long to be asked for.
  void pass_over(const EtcdKeyValue& kv);
  /// The key that a path names; nullopt if it is not one that a flanneld would write.
  [[nodiscard]] std::optional<LeaseKey> key_of(const std::string& path) const;
  [[nodiscard]] PassedOver skipped() const { return unreadable_.view(); }

  /// nullopt for an entry that is not a lease. How long another node's lease still lives is not asked for:
  /// it expires a whole lease time from now, or never; its deletion will be seen.
  std::optional<Lease> read(const EtcdKeyValue& kv);
  /// Likewise for a change of an entry.
  std::optional<LeaseEvent> read(const EtcdEvent& event);

 private:
  void skip(const EtcdKeyValue& kv, const std::string& reason);

  std::string prefix_;
  WallClock now_;
  Skipped skipped_;
  SkippedEntries unreadable_;
};

}  // namespace flanneld
