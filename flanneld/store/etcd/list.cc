#include "flanneld/store/etcd/list.h"

#include <algorithm>
#include <utility>

namespace flanneld {
namespace {

constexpr int64_t kFirstLimit = 1000, kShrink = 4;
/// A server that is compacted all the time.
constexpr int kMostBegun = 5;
constexpr size_t kSmallPage = kEtcdPageBytes / 8;

}  // namespace

EtcdList::EtcdList(EtcdCalls& etcd, std::string prefix, Handlers handlers)
    : etcd_(etcd), prefix_(std::move(prefix)), handlers_(std::move(handlers)) {
  page_.limit = kFirstLimit;
}

void EtcdList::begin() {
  ++begun_;
  end_ = {};
  page_.from = prefix_;
  page_.end = end_of_prefix(prefix_);
  page_.revision = 0;
  page_.keys_only = false;
  handlers_.begins();
  ask();
}

void EtcdList::ask() {
  etcd_.page(page_, [this](const Result<EtcdRange>& answer) { take(answer); });
}

void EtcdList::take(const Result<EtcdRange>& answer) {
  if (answer) return take_entries(*answer);
  if (answer.kind() == Failure::outdated && begun_ < kMostBegun) return begin();
  if (answer.kind() == Failure::too_long && !page_.keys_only) return shrink();
  end(Result<EtcdListEnd>::failure(answer.reason()));
}

void EtcdList::shrink() {
  page_.keys_only = page_.limit == 1;  // what is its name?
  page_.limit = std::max<int64_t>(1, page_.limit / kShrink);
  ask();
}

void EtcdList::take_entries(const EtcdRange& range) {
  if (page_.revision == 0) {
    page_.revision = range.revision;
    end_ = {range.revision, range.cluster, range.count};
  }
  const bool has_names_only = std::exchange(page_.keys_only, false);
  size_t bytes = 0;
  for (const EtcdKeyValue& kv : range.kvs) {
    bytes += kv.key.size() + kv.value.size();
    if (has_names_only)
      handlers_.too_long(kv);
    else
      handlers_.entry(kv);
  }
  if (bytes < kSmallPage && !has_names_only) page_.limit = std::min(kFirstLimit, page_.limit * 2);
  if (!range.has_more || range.kvs.empty()) return end(end_);
  page_.from = range.kvs.back().key;
  page_.from.push_back('\0');  // the key behind it
  ask();
}

void EtcdList::end(const Result<EtcdListEnd>& outcome) {
  const auto done = std::move(handlers_.done);
  done(outcome);
}

}  // namespace flanneld
