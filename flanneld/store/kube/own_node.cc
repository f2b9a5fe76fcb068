#include "flanneld/store/kube/own_node.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/contest.h"
#include "flanneld/store/kube/node_table.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Events do not show the Node's status, which is read after them, but not at each.
constexpr seconds kReadGap(5);
constexpr milliseconds kFirstTry(200), kMostTry(10'000);
/// Annotations that were changed are written again at once, unless that was done within this time.
constexpr milliseconds kCalm = 2 * kMostContest;
constexpr seconds kMostRetryAfter(60);

}  // namespace

OwnNode::OwnNode(EventLoop& loop, KubeClient& client, std::string name, std::string prefix,
                 Condition condition, Handlers handlers)
    : client_(client),
      name_(std::move(name)),
      prefix_(std::move(prefix)),
      condition_(condition),
      handlers_(std::move(handlers)),
      settle_timer_(loop, [this] { settle(); }),
      read_timer_(loop, [this] { read(); }),
      backoff_(kFirstTry, kMostTry),
      contest_backoff_(kFirstContest, kMostContest) {}

void OwnNode::see(const KubeNode& node, Seen seen) {
  const bool is_same = node_ && node_->uid == node.uid;
  if (is_same && seen == Seen::in_event && is_older_version(node.resource_version, node_->resource_version))
    return;
  if (!is_same) is_written_ = false;
  if (node.is_whole || !is_same || !node_->is_whole) {
    node_ = node;
  } else {
    node_->annotations = node.annotations;
    node_->resource_version = node.resource_version;
    const auto since = EventLoop::Clock::now() - read_at_;
    const bool is_urgent = node_->pod_cidrs.empty() || since > kReadGap;
    if (is_urgent || !read_timer_.armed())
      read_timer_.start(is_urgent ? milliseconds(0) : std::chrono::ceil<milliseconds>(kReadGap - since));
  }
  if (node.is_whole) {
    read_at_ = EventLoop::Clock::now();
    handlers_.known(*node_);
  }
  settle_timer_.start(seconds(0));
}

void OwnNode::lose() {
  node_.reset();
  is_written_ = false;
  settle_timer_.start(seconds(0));
}

void OwnNode::publish(const Claim& claim) {
  claim_ = claim;
  settle_timer_.start(seconds(0));
}

void OwnNode::serve() {
  serves_ = true;
  settle_timer_.start(seconds(0));
}

/// Does the first thing that is to be done; its end comes here again.
void OwnNode::settle() {
  if (call_) return;
  if (!node_) {
    if (claim_)
      handlers_.waits(
          fmt::format("there is no Node {}; the kubelet registers it under that name, or NODE_NAME is "
                      "not the Node's",
                      base::quoted(name_)));
    return;
  }
  if (!node_->is_whole) return read();
  if (!claim_) return;
  try {
    const LeaseKey own = subnets();
    const Annotations wanted = wanted_annotations(claim_->attributes, node_->annotations);
    const std::string patch = annotations_patch(prefix_, node_->annotations, wanted);
    const bool is_repair = is_written_ && wanted == wanted_;
    if (!patch.empty() && is_repair && must_wait()) return;
    wanted_ = wanted;
    if (!patch.empty()) {
      if (is_repair) repaired_at_ = EventLoop::Clock::now();
      return write_annotations(patch);
    }
    is_written_ = true;
    handlers_.published(lease(own));
  } catch (const base::ParseError& error) {
    return handlers_.waits(error.what());
  }
  const bool is_told = node_->network_unavailable == "False" && node_->network_reason == kNetworkReason;
  if (serves_ && condition_ == Condition::kept && !is_told) write_condition();
}

/// Two that write to one Node would answer each other without end.
bool OwnNode::must_wait() {
  const auto now = EventLoop::Clock::now();
  if (repaired_at_ == EventLoop::Clock::time_point{} || now - repaired_at_ > kCalm) {
    contest_backoff_.reset();
    return false;
  }
  if (wait_until_ && *wait_until_ <= now) {
    wait_until_.reset();
    return false;
  }
  const bool is_new = !wait_until_;
  if (is_new) wait_until_ = now + contest_backoff_.next();
  settle_timer_.start(std::chrono::ceil<milliseconds>(*wait_until_ - now));
  if (is_new)
    handlers_.contested(fmt::format(
        "somebody changes the annotations {}* of the Node {}, by which the other nodes reach this one",
        prefix_, base::quoted(name_)));
  return true;
}

LeaseKey OwnNode::subnets() const {
  const NetworkConfig& config = claim_->config;
  std::vector<base::IpNet> networks;
  for (const base::Family family : base::kFamilies)
    if (const auto& one = config.of(family)) networks.push_back(one->network);
  const auto missing = [&](std::string_view what) {
    return base::ParseError(fmt::format(
        "the Node {} has no {}: kube-controller-manager assigns it with --allocate-node-cidrs=true and "
        "--cluster-cidr={}",
        base::quoted(name_), what, fmt::join(networks, ",")));
  };
  if (node_->pod_cidrs.empty()) throw missing("podCIDR");
  LeaseKey all;
  decoding(fmt::format("the Node {}", base::quoted(name_)),
           [&] { all = pod_subnets(node_->pod_cidrs, Several::last); });
  LeaseKey own;
  for (const base::Family family : base::kFamilies) {
    if (!config.of(family)) continue;
    const auto& subnet = all.of(family);
    if (!subnet) throw missing(fmt::format("{} podCIDR", family_name(family)));
    const base::IpNet& network = config.of(family)->network;
    if (!network.contains(subnet->address) || subnet->prefix < network.prefix)
      throw base::ParseError(
          fmt::format("the podCIDR {} of the Node {} is not within the network {} of flannel's "
                      "configuration: that and the "
                      "--cluster-cidr of kube-controller-manager must be the same",
                      *subnet, base::quoted(name_), network));
    (family == base::Family::v4 ? own.subnet : own.ipv6_subnet) = subnet;
  }
  return own;
}

/// With the public addresses that are shown to the others.
Lease OwnNode::lease(const LeaseKey& subnets) const {
  Lease lease{subnets, claim_->attributes, std::nullopt};
  const auto shown = [&](const char* name) {
    const auto found = wanted_.find(name);
    return found == wanted_.end() ? std::nullopt : base::IpAddress::parse(found->second);
  };
  if (const auto ip = shown(annotation::kPublicIp); ip && ip->is_v4()) lease.attributes.public_ip = *ip;
  if (const auto ip = shown(annotation::kPublicIpv6); ip && !ip->is_v4()) lease.attributes.public_ipv6 = ip;
  return lease;
}

void OwnNode::read() {
  if (call_) return read_timer_.start(kReadGap);
  read_timer_.cancel();
  call_ = client_.begin({.path = fmt::format("/api/v1/nodes/{}", url_encoded(name_)), .rule = "nodes: get"},
                        [this](const KubeAnswer& answer) { take_read(answer); });
}

void OwnNode::take_read(const KubeAnswer& answer) {
  if (answer.status == 404) {  // when there is one again, an event will say so
    finish_call();
    return lose();
  }
  const auto read_again = [this](const KubeAnswer& failed) { read_timer_.start(fail(failed)); };
  if (!answer) return read_again(answer);
  try {
    const KubeNode node = parse_kube_node(answer.body, prefix_);
    finish_call();
    see(node, Seen::in_event);
  } catch (const base::ParseError& error) {
    read_again({.reason = fmt::format("{}: {}", client_.server(), error.what())});
  }
}

void OwnNode::write_annotations(const std::string& patch) {
  call_ = client_.begin({.path = fmt::format("/api/v1/nodes/{}/status", url_encoded(name_)),
                         .accept = kAcceptMetadata,
                         .patch = patch,
                         .rule = "nodes/status: patch"},
                        [this](const KubeAnswer& answer) { take_patch(answer); });
}

void OwnNode::write_condition() {
  node_->network_unavailable = "False";  // as it will be; what it is then will be read
  node_->network_reason = kNetworkReason;
  call_ = client_.begin({.path = fmt::format("/api/v1/nodes/{}/status", url_encoded(name_)),
                         .accept = kAcceptMetadata,
                         .patch = network_condition_patch(system_now()),
                         .rule = "nodes/status: patch"},
                        [this](const KubeAnswer& answer) {
                          if (!answer && node_) node_->network_unavailable.clear();
                          take_patch(answer);
                        });
}

void OwnNode::take_patch(const KubeAnswer& answer) {
  if (!answer) return void(fail(answer));
  try {
    const KubeNode node = parse_kube_node(answer.body, prefix_);
    if (node_ && node_->uid == node.uid) {
      node_->annotations = node.annotations;
      node_->resource_version = node.resource_version;
      is_written_ = true;
    }
    finish_call();
  } catch (const base::ParseError& error) {
    fail({.reason = fmt::format("{}: {}", client_.server(), error.what())});
  }
}

void OwnNode::finish_call() {
  call_.reset();
  backoff_.reset();
  settle_timer_.start(seconds(0));
  handlers_.answered();
}

milliseconds OwnNode::fail(const KubeAnswer& answer) {
  call_.reset();
  const auto pause = std::max<milliseconds>(backoff_.next(), std::min(answer.retry_after, kMostRetryAfter));
  settle_timer_.start(pause);
  handlers_.failed(answer.reason);
  return pause;
}

}  // namespace flanneld
