#include "tests/scale/kube_cluster.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/error.h"

namespace scale {
namespace {

constexpr uint32_t kMostNodes = 16384;
constexpr size_t kMostChanges = 1 << 17, kMostAsked = 1 << 20, kMostText = 400;
constexpr uint64_t kFirstVersion = 1000;
/// What kubelets and controllers add to each Node, less than in a real cluster: its metadata, and the rest.
constexpr size_t kMetadataPadding = 500, kStatusPadding = 2000;

using Clock = flanneld::EventLoop::Clock;

}  // namespace

/// What changes in a Node.
struct KubeContent {
  uint64_t version;
  uint32_t machines;                        ///< that have been this Node
  bool has_network;                         ///< its condition says so
  std::array<char, kMostText> annotations;  ///< JSON
};
struct KubePast {
  KubeCluster::Change::Kind kind;
  uint32_t node;
  KubeContent content;
};
struct KubeAsked {
  int64_t at;
  Ask what;
};

/// Pages that nothing was written to take no memory.
struct KubeCluster::Memory {
  uint64_t version, oldest;
  uint32_t nodes;
  std::array<std::array<char, 20>, kMostNodes> pod_cidrs;
  std::array<KubeContent, kMostNodes> now;
  size_t changes;
  std::array<KubePast, kMostChanges> past;
  std::atomic<uint64_t> asked_count;
  std::array<KubeAsked, kMostAsked> asked;
};

namespace {

std::string metadata(uint32_t node, const KubeContent& content) {
  static const std::string padding(kMetadataPadding, 'm');
  return fmt::format(R"({{"name":"{0}","uid":"00000000-0000-4000-{5:04}-{1:012}","resourceVersion":"{2}",)"
                     R"("labels":{{"kubernetes.io/hostname":"{0}"}},"annotations":{3},)"
                     R"("managedFields":[{{"manager":"kubelet","operation":"{4}"}}]}})",
                     KubeCluster::name(node), node, content.version, content.annotations.data(), padding,
                     content.machines);
}

std::string text_of(uint32_t node, const KubeContent& content, const char* pod_cidr, KubeCluster::Form form) {
  static const std::string padding(kStatusPadding, 's');
  if (form == KubeCluster::Form::metadata)
    return fmt::format(R"({{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{}}})",
                       metadata(node, content));
  return fmt::format(
      R"({{"kind":"Node","apiVersion":"v1","metadata":{},"spec":{{"podCIDR":"{}","podCIDRs":["{}"]}},)"
      R"("status":{{"conditions":[{{"type":"NetworkUnavailable","status":"{}","reason":"{}"}}],)"
      R"("images":[{{"names":["{}"]}}]}}}})",
      metadata(node, content), pod_cidr, pod_cidr, content.has_network ? "False" : "True",
      content.has_network ? "FlannelIsUp" : "NoRouteCreated", padding);
}

template <size_t size>
void copy(const std::string& text, std::array<char, size>& place) {
  if (text.size() >= size) throw std::runtime_error(fmt::format("'{}' is too long for the double", text));
  std::memcpy(place.data(), text.c_str(), text.size() + 1);
}

}  // namespace

KubeCluster::KubeCluster() : memory_(::memfd_create("kube", 0)) {
  if (!memory_.valid() || ::ftruncate(memory_.get(), sizeof(Memory)) != 0)
    throw base::SystemError(errno, "make the memory of the API double");
  map();
}

KubeCluster::KubeCluster(int descriptor) : memory_(descriptor) { map(); }

KubeCluster::~KubeCluster() { ::munmap(all_, sizeof(Memory)); }

void KubeCluster::map() {
  void* place = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
  if (place == MAP_FAILED) throw base::SystemError(errno, "map the memory of the API double");
  all_ = static_cast<Memory*>(place);
}

void KubeCluster::fill(const std::vector<base::IpNet>& pod_cidrs) {
  if (pod_cidrs.size() > kMostNodes)
    throw std::runtime_error(fmt::format("the API double has {} Nodes at most", kMostNodes));
  all_->version = all_->oldest = kFirstVersion;
  all_->nodes = static_cast<uint32_t>(pod_cidrs.size());
  for (uint32_t i = 0; i < all_->nodes; ++i) {
    copy(fmt::format("{}", pod_cidrs[i]), all_->pod_cidrs[i]);
    all_->now[i].version = kFirstVersion;
    copy("{}", all_->now[i].annotations);
  }
}

void KubeCluster::forget() {
  all_->oldest = all_->version;
  all_->changes = 0;
}

uint32_t KubeCluster::size() const { return all_->nodes; }
uint64_t KubeCluster::version() const { return all_->version; }
uint64_t KubeCluster::oldest() const { return all_->oldest; }
size_t KubeCluster::changes() const { return all_->changes; }

std::string KubeCluster::name(uint32_t node) { return fmt::format("node-{:05}", node); }

uint32_t KubeCluster::find(const std::string& name) const {
  uint32_t node = 0;
  const size_t dash = name.find('-');
  if (dash == std::string::npos) return size();
  std::from_chars(name.data() + dash + 1, name.data() + name.size(), node);
  return node < size() && KubeCluster::name(node) == name ? node : size();
}

std::string KubeCluster::node(uint32_t node, Form form) const {
  return text_of(node, all_->now.at(node), all_->pod_cidrs.at(node).data(), form);
}

std::string KubeCluster::node_then(size_t change, Form form) const {
  const KubePast& past = all_->past.at(change);
  return text_of(past.node, past.content, all_->pod_cidrs.at(past.node).data(), form);
}

KubeCluster::Change KubeCluster::change(size_t at) const {
  const KubePast& past = all_->past.at(at);
  return {past.kind, past.content.version, past.node};
}

bool KubeCluster::patch(uint32_t node, const std::string& patch) {
  const auto wanted = nlohmann::json::parse(patch);
  KubeContent& now = all_->now.at(node);
  auto annotations = nlohmann::json::parse(now.annotations.data());
  annotations.merge_patch(wanted.value("/metadata/annotations"_json_pointer, nlohmann::json::object()));
  KubeContent next = now;
  copy(annotations.dump(), next.annotations);
  for (const auto& one : wanted.value("/status/conditions"_json_pointer, nlohmann::json::array()))
    if (one.at("type") == "NetworkUnavailable") next.has_network = one.at("status") == "False";
  const bool is_same = std::strcmp(next.annotations.data(), now.annotations.data()) == 0 &&
                       next.has_network == now.has_network;
  if (is_same) return false;
  note(Change::Kind::modified, node, next);
  return true;
}

void KubeCluster::replace(uint32_t node) {
  KubeContent next = all_->now.at(node);
  note(Change::Kind::deleted, node, next);
  ++next.machines;
  next.has_network = false;
  copy("{}", next.annotations);
  note(Change::Kind::added, node, next);
}

void KubeCluster::note(Change::Kind kind, uint32_t node, KubeContent next) {
  if (all_->changes == kMostChanges) forget();
  next.version = ++all_->version;
  all_->now.at(node) = next;
  all_->past.at(all_->changes++) = {kind, node, next};
}

void KubeCluster::ask(Ask what) {
  const uint64_t at = all_->asked_count.load(std::memory_order_relaxed);
  all_->asked.at(at % kMostAsked) = {Clock::now().time_since_epoch().count(), what};
  all_->asked_count.store(at + 1, std::memory_order_release);
}

void KubeCluster::drain(const std::function<void(Ask, Clock::time_point)>& take) {
  const uint64_t end = all_->asked_count.load(std::memory_order_acquire);
  if (end - drained_ > kMostAsked)
    throw std::runtime_error(fmt::format("{} requests were lost to the count", end - drained_ - kMostAsked));
  for (; drained_ < end; ++drained_) {
    const KubeAsked& one = all_->asked.at(drained_ % kMostAsked);
    take(one.what, Clock::time_point(Clock::duration(one.at)));
  }
}

}  // namespace scale
