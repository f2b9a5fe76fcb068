// etcd, whose every member of the fleet is a client of its own.
#pragma once

#include <string>

#include "tests/scale/server_access.h"
#include "tests/scale/store_side.h"

namespace scale {

class EtcdSide final : public StoreSide {
 public:
  EtcdSide(std::string endpoint, Meter& meter) : server_(std::move(endpoint)), meter_(meter) {}

  void await() override;
  void prepare(uint32_t members) override;
  void put(const flanneld::Lease& lease) override;
  void forget() override;
  std::unique_ptr<flanneld::LeaseStore> client(flanneld::EventLoop& loop, uint32_t number) override;

 private:
  std::string post(const std::string& path, const std::string& body);
  void put(const std::string& key, const std::string& value);

  ServerAccess server_;
  Meter& meter_;
  std::string revision_;  ///< of the last change
};

}  // namespace scale
