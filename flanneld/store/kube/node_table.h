// The leases of the other Nodes: what is known of each, and what an event changes. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/lease/lease_table.h"
#include "flanneld/store/kube/node.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

/// The subnets that the podCIDRs of a Node are, host bits cleared: of several of a family the first counts,
/// as in Go flanneld, and of the own Node the last. Throws base::ParseError.
enum class Several { first, last };
LeaseKey pod_subnets(const std::vector<std::string>& pod_cidrs, Several several);

/// The lease without what is of a family that the configuration does not enable.
Lease restricted(const Lease& lease, const NetworkConfig& config);

class KubeNodeTable {
 public:
  using Skipped = std::function<void(const EntrySkipped&)>;

  /// The Node of that name is left out. `skipped` is called once for each reason why a Node cannot be used.
  KubeNodeTable(std::string own, Skipped skipped) : own_(std::move(own)), skipped_(std::move(skipped)) {}

  /// A list begins, and ends: what was not put in between is gone. A list that has not ended changes nothing.
  void begin_list() { listing_.emplace(); }
  void put_listed(const KubeNode& node);
  void end_list();

  /// What a Node that was made or has changed brings: nothing or one event, or two if its subnet is another.
  std::vector<LeaseEvent> put(const KubeNode& node);
  std::vector<LeaseEvent> remove(const std::string& name);
  /// True for a Node that a flanneld manages, and whose podCIDRs only the whole Node can tell.
  [[nodiscard]] bool needs_whole(const std::string& name) const;
  /// The Nodes that are known, with or without a lease.
  [[nodiscard]] size_t size() const { return entries_.size(); }
  /// Those of all nodes, in the order of their names.
  [[nodiscard]] std::vector<Lease> leases() const;
  /// The Nodes that cannot be used, in the same order.
  [[nodiscard]] PassedOver skipped() const;

 private:
  struct Entry {
    std::string uid;
    LeaseKey subnets;
    bool is_marked = false, has_subnets = false;
    std::optional<Lease> lease;
    std::string fault;
  };
  using Entries = std::map<std::string, Entry>;

  [[nodiscard]] Entry make(const KubeNode& node, const Entry* before);
  void change(std::vector<LeaseEvent>& events, const std::optional<Lease>& before,
              const std::optional<Lease>& now) const;

  std::string own_;
  Skipped skipped_;
  Entries entries_;
  std::optional<Entries> listing_;
};

}  // namespace flanneld
