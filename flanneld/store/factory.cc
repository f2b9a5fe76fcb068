#include "flanneld/store/factory.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "flanneld/store/directory/store.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/store.h"

namespace flanneld {

std::unique_ptr<LeaseStore> make_lease_store(EventLoop& loop, const Options& options) {
  const std::chrono::minutes margin(options.subnet_lease_renew_margin);
  if (!options.lease_dir.empty()) return std::make_unique<DirectoryStore>(loop, options.lease_dir, margin);
  EtcdAccess access;
  access.endpoints = options.etcd_endpoints;
  access.tls = {options.etcd_cafile, options.etcd_certfile, options.etcd_keyfile};
  access.username = options.etcd_username;
  access.password = options.etcd_password;
  EtcdStoreOptions store_options;
  store_options.prefix = options.etcd_prefix;
  store_options.renew_margin = margin;
  return std::make_unique<EtcdStore>(loop, std::make_unique<EtcdClient>(loop, std::move(access)),
                                     std::move(store_options));
}

std::string store_identity(const Options& options) {
  return options.lease_dir.empty() ? fmt::format("etcd {}", options.etcd_prefix)
                                   : fmt::format("directory {}", options.lease_dir);
}

}  // namespace flanneld
