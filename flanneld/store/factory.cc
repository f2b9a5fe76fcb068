#include "flanneld/store/factory.h"

#include <chrono>

#include "flanneld/store/directory/store.h"
#include "flanneld/store/etcd/store.h"

namespace flanneld {

std::unique_ptr<LeaseStore> make_lease_store(EventLoop& loop, const Options& options) {
  const std::chrono::minutes margin(options.subnet_lease_renew_margin);
  if (!options.lease_dir.empty()) return std::make_unique<DirectoryStore>(loop, options.lease_dir, margin);
  const EtcdAccess access{options.etcd_endpoints,
                          {options.etcd_cafile, options.etcd_certfile, options.etcd_keyfile},
                          options.etcd_username,
                          options.etcd_password};
  return std::make_unique<EtcdStore>(loop, EtcdStoreOptions{access, options.etcd_prefix, margin});
}

std::string store_identity(const Options& options) {
  return options.lease_dir.empty() ? "etcd " + options.etcd_prefix : "directory " + options.lease_dir;
}

}  // namespace flanneld
