// Leases in Kubernetes: each Node is one. Its podCIDRs, which the cluster assigns, are the subnets; what the
// node publishes stands in its annotations, as Go flanneld writes them. The network configuration is a file.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/options/options.h"
#include "flanneld/store/kube/client.h"
#include "flanneld/store/kube/follower.h"
#include "flanneld/store/kube/node_fetcher.h"
#include "flanneld/store/kube/node_table.h"
#include "flanneld/store/kube/own_node.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

class KubeStore final : public LeaseStore {
 public:
  /// `options` must outlive the store.
  KubeStore(EventLoop& loop, const Options& options, FileReader read_file);

  void start(StoreListener listener) override;
  void claim(const Claim& claim) override;
  void serve() override;
  void reload() override { client_.distrust(); }
  [[nodiscard]] bool needs_programs() const override { return client_.may_start_programs(); }
  [[nodiscard]] PassedOver skipped() const override { return table_ ? table_->skipped() : PassedOver{}; }
  [[nodiscard]] std::string describe() const override;

 private:
  /// What may not work; in the order in which they are shown.
  enum class Part { config, name, nodes, own_node, own_requests };

  void read_config();
  void find_name();
  void take_pod(const KubeAnswer& answer);
  void follow(const std::string& name);
  void tell_config();

  void list_ended();
  void tell_list(LeasesListed::Extent extent);
  void changed(const KubeEvent& event);
  void tell_changes(const std::vector<LeaseEvent>& events);
  void fetch(const KubeNode& node);
  void own_known(const KubeNode& node);
  void own_published(const Lease& lease);
  void own_waits(const std::string& reason);

  void set_problem(Part part, const std::string& reason);
  void clear_problem(Part part);

  EventLoop& loop_;
  const Options& options_;
  FileReader read_file_;
  std::string prefix_;
  StoreListener listener_;
  KubeClient client_;
  Timer config_timer_, name_timer_, relist_timer_, wipe_timer_;
  Backoff name_backoff_;
  KubeClient::CallPtr name_call_;
  std::optional<KubeNodeTable> table_;
  std::unique_ptr<NodeFollower> follower_;
  std::unique_ptr<OwnNode> own_;
  NodeFetcher fetcher_;

  std::string config_, told_config_;
  bool is_listed_ = false, serves_ = false, has_own_ = false;
  std::optional<NodeRead> told_node_;
  std::optional<Claim> claim_;
  std::optional<Lease> held_;
  bool is_told_ = false;  ///< of the lease that is held
  std::string waits_for_;
  std::map<Part, std::string> problems_;
};

}  // namespace flanneld
