// Kubernetes' API server, as the double of it that this program can be too. Its requests are counted where
// they arrive, those that find no server by the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "flanneld/options/options.h"
#include "tests/scale/kube_cluster.h"
#include "tests/scale/server_access.h"
#include "tests/scale/store_side.h"

namespace scale {

class KubeSide final : public StoreSide {
 public:
  KubeSide(std::string endpoint, Meter& meter) : server_(std::move(endpoint)), meter_(meter) {}

  /// What the server must be given.
  [[nodiscard]] int memory() const { return cluster_.descriptor(); }

  void await() override;
  void prepare(uint32_t members) override;
  void put(const flanneld::Lease& lease) override;
  [[nodiscard]] bool knows_machines() const override { return true; }
  void replace(uint32_t number) override;
  void forget() override { cluster_.forget(); }
  void collect() override;
  std::unique_ptr<flanneld::LeaseStore> client(flanneld::EventLoop& loop, uint32_t number) override;

 private:
  ServerAccess server_;
  Meter& meter_;
  KubeCluster cluster_;
  std::map<uint32_t, flanneld::Options> options_;  ///< of the members, which refer to them
  uint64_t refused_ = 0;                           ///< attempts to connect, that were collected
};

}  // namespace scale
