#include "tests/scale/kube_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "flanneld/store/kube/annotations.h"
#include "flanneld/store/kube/store.h"

namespace scale {
namespace {

constexpr const char* kAnnotationPrefix = "flannel.alpha.coreos.com/";

/// Attempts to connect that failed in this network namespace.
uint64_t refused_connections() {
  std::ifstream in("/proc/self/net/snmp");
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("Tcp:")) continue;
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string one; words >> one;) fields.push_back(one);
    for (size_t i = 0; i < std::min(names.size(), fields.size()); ++i)
      if (names[i] == "AttemptFails") return std::stoull(fields[i]);
    names = fields;
  }
  throw std::runtime_error("/proc/self/net/snmp does not tell of failed connections");
}

}  // namespace

void KubeSide::await() { server_.await("/readyz"); }

/// One Node is nobody's: the last, with the last subnet.
void KubeSide::prepare(uint32_t members) {
  const auto config = flanneld::NetworkConfig::parse(kNetworkConfig);
  std::vector<base::IpNet> pod_cidrs;
  for (uint32_t i = 0; i < members; ++i) pod_cidrs.push_back(config.ipv4->nth_subnet(i));
  pod_cidrs.push_back(config.ipv4->nth_subnet(config.ipv4->subnet_count() - 1));
  cluster_.fill(pod_cidrs);
  refused_ = refused_connections();
}

void KubeSide::put(const flanneld::Lease& lease) {
  const auto wanted = flanneld::wanted_annotations(lease.attributes, {});
  flanneld::HttpRequest request;
  request.method = "PATCH";
  request.body = flanneld::annotations_patch(kAnnotationPrefix, {}, wanted);
  server_.ask(fmt::format("/api/v1/nodes/{}/status", KubeCluster::name(cluster_.size() - 1)),
              std::move(request));
}

void KubeSide::replace(uint32_t number) {
  flanneld::HttpRequest request;
  request.method = "DELETE";
  server_.ask(fmt::format("/api/v1/nodes/{}", KubeCluster::name(number)), std::move(request));
}

void KubeSide::collect() {
  cluster_.drain([this](Ask what, flanneld::EventLoop::Clock::time_point at) { meter_.asked(what, at); });
  const uint64_t refused = refused_connections();
  for (; refused_ < refused; ++refused_) meter_.asked(Ask::refused);
}

std::unique_ptr<flanneld::LeaseStore> KubeSide::client(flanneld::EventLoop& loop, uint32_t number) {
  flanneld::Options& options = options_[number];
  options.kube_subnet_mgr = true;
  options.kube_api_url = server_.endpoint();
  options.kube_annotation_prefix = kAnnotationPrefix;
  options.network_config = kNetworkConfig;
  options.kube_environment.node_name = KubeCluster::name(number);
  return std::make_unique<flanneld::KubeStore>(
      loop, options, [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
}

}  // namespace scale
