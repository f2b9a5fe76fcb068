#include "flanneld/store/kube/node_fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "flanneld/store/spread.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr size_t kMostAtOnce = 4;
constexpr seconds kFetchRetry(1), kLongestRetry(60);

}  // namespace

void NodeFetcher::fetch(const std::string& name, const std::string& version, int64_t nodes) {
  nodes_ = nodes;
  const auto found = running_.find(name);
  if (found != running_.end() && !found->second.call) {
    found->second.version = version;
    return;
  }
  if (found != running_.end()) running_.erase(found);  // what it would bring may be older
  waiting_[name] = version;
  start_next();
}

void NodeFetcher::forget(const std::string& name) {
  waiting_.erase(name);
  running_.erase(name);
  start_next();
}

void NodeFetcher::forget_all() {
  waiting_.clear();
  running_.clear();
}

void NodeFetcher::start_next() {
  while (running_.size() < kMostAtOnce && !waiting_.empty()) {
    const auto next = waiting_.extract(waiting_.begin());
    pause(next.key(), next.mapped(), milliseconds(0));
  }
}

void NodeFetcher::pause(const std::string& name, const std::string& version, milliseconds least) {
  Fetch& fetch = running_[name];
  fetch.version = version;
  fetch.pause = std::make_unique<Timer>(loop_, [this, name] { begin(name); });
  fetch.pause->start(least + random_part(question_spread(nodes_)));
}

/// With a version the server's cache answers, otherwise etcd.
void NodeFetcher::begin(const std::string& name) {
  Fetch& fetch = running_.at(name);
  const std::string query =
      fetch.version.empty() ? "" : fmt::format("?resourceVersion={}", url_encoded(fetch.version));
  fetch.call = client_.begin(
      {.path = fmt::format("/api/v1/nodes/{}{}", url_encoded(name), query), .rule = "nodes: get"},
      [this, name](const KubeAnswer& answer) { take(name, answer); });
}

void NodeFetcher::take(const std::string& name, const KubeAnswer& answer) {
  const auto done = running_.extract(name);  // what is called here may still be in it
  if (answer) {
    try {
      found_(parse_kube_node(answer.body, prefix_));
    } catch (const base::ParseError&) {
      // It may be another one with its next event.
    }
  } else if (answer.status != 404) {  // the event that says so follows
    pause(name, "", std::clamp(answer.retry_after, kFetchRetry, kLongestRetry));
  }
  start_next();
}

}  // namespace flanneld
