#include "flanneld/store/factory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <set>
#include <utility>

#include "flanneld/io/url.h"
#include "flanneld/store/directory/store.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/store.h"

namespace flanneld {

EtcdAccess etcd_access(const Options& options) {
  EtcdAccess access;
  access.endpoints = options.etcd_endpoints;
  access.discovery = options.etcd_discovery_srv;
  access.tls = {options.etcd_cafile, options.etcd_certfile, options.etcd_keyfile};
  access.username = options.etcd_username;
  access.password = options.etcd_password;
  return access;
}

std::unique_ptr<LeaseStore> make_lease_store(EventLoop& loop, const Options& options) {
  const std::chrono::minutes margin(options.subnet_lease_renew_margin);
  if (!options.lease_dir.empty()) return std::make_unique<DirectoryStore>(loop, options.lease_dir, margin);
  EtcdStoreOptions store_options;
  store_options.prefix = options.etcd_prefix;
  store_options.renew_margin = margin;
  return std::make_unique<EtcdStore>(loop, std::make_unique<EtcdClient>(loop, etcd_access(options)),
                                     std::move(store_options));
}

std::string store_identity(const Options& options) {
  if (!options.lease_dir.empty()) return fmt::format("directory {}", options.lease_dir);
  if (!options.etcd_discovery_srv.empty())
    return fmt::format("etcd in the DNS of {}, prefix {}", options.etcd_discovery_srv,
                       clean_etcd_prefix(options.etcd_prefix));
  std::set<std::string> endpoints;
  for (const std::string& url : options.etcd_endpoints) endpoints.insert(without_userinfo(url));
  return fmt::format("etcd at {}, prefix {}", fmt::join(endpoints, ","),
                     clean_etcd_prefix(options.etcd_prefix));
}

}  // namespace flanneld
