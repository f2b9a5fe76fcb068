#include "flanneld/store/factory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <set>
#include <utility>

#include "common/base/file.h"
#include "flanneld/io/url.h"
#include "flanneld/store/directory/store.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/store.h"
#include "flanneld/store/kube/store.h"

namespace flanneld {
namespace {

constexpr size_t kMaxFile = 1 << 20;  // a network configuration, a kubeconfig, a token

}  // namespace

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
  if (options.kube_subnet_mgr)
    return std::make_unique<KubeStore>(
        loop, options, [](const std::string& path) { return base::read_file(path, kMaxFile); });
  const std::chrono::minutes margin(options.subnet_lease_renew_margin);
  if (!options.lease_dir.empty()) return std::make_unique<DirectoryStore>(loop, options.lease_dir, margin);
  EtcdStoreOptions store_options;
  store_options.prefix = options.etcd_prefix;
  store_options.renew_margin = margin;
  return std::make_unique<EtcdStore>(loop, std::make_unique<EtcdClient>(loop, etcd_access(options)),
                                     std::move(store_options));
}

std::string store_identity(const Options& options) {
  if (options.kube_subnet_mgr) {
    const KubeEnvironment& environment = options.kube_environment;
    const std::string server = !options.kube_api_url.empty()      ? without_userinfo(options.kube_api_url)
                               : !options.kubeconfig_file.empty() ? options.kubeconfig_file
                                                                  : environment.service_host;
    return fmt::format("Kubernetes at {}, prefix {}", server, options.kube_annotation_prefix);
  }
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
