#include "flanneld/store/etcd/watch.h"

#include <algorithm>
#include <utility>

namespace flanneld {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstPause(100), kMostPause(5000);
constexpr milliseconds kGarbledPause(1000);  // what comes then is a whole list

}  // namespace

EtcdWatch::EtcdWatch(EventLoop& loop, EtcdCalls& etcd, std::string prefix, Handlers handlers)
    : etcd_(etcd),
      prefix_(std::move(prefix)),
      handlers_(std::move(handlers)),
      begin_timer_(loop, [this] { begin(); }),
      backoff_(kFirstPause, kMostPause) {}

void EtcdWatch::follow(int64_t revision) {
  held_.reset();
  revision_ = revision;
  begin();
}

void EtcdWatch::begin() {
  begin_timer_.cancel();
  if (held_) held_->clear();  // they come once more
  etcd_.watch(
      prefix_, revision_ + 1, [this](const EtcdWatchResponse& response) { receive(response); },
      [this] {
        begin_timer_.start(backoff_.next());
        handlers_.ended();
      });
}

void EtcdWatch::hold() {
  if (!held_) held_.emplace();
}

void EtcdWatch::go_on() {
  const auto held = std::exchange(held_, std::nullopt);
  if (!held) return;
  for (const EtcdWatchResponse& response : *held)
    if (take(response) == Next::is_over) return;
}

void EtcdWatch::refresh() {
  if (!etcd_.is_watch_current() && !begin_timer_.armed()) begin();
}

void EtcdWatch::resume() { begin(); }

void EtcdWatch::receive(const EtcdWatchResponse& response) {
  if (held_)
    held_->push_back(response);
  else
    take(response);
}

EtcdWatch::Next EtcdWatch::take(const EtcdWatchResponse& response) {
  if (response.is_garbled) {
    etcd_.end_watch();
    handlers_.missed(kGarbledPause);
    return Next::is_over;
  }
  // A store that is younger than what it sent before is another one: wiped, or restored from a copy.
  const bool is_younger = response.revision < revision_;
  if (response.is_canceled || is_younger) {
    etcd_.end_watch();
    if (response.compact_revision != 0)
      handlers_.missed(milliseconds(0));
    else if (response.is_canceled)
      handlers_.missed(backoff_.next());
    else
      handlers_.turned_back();
    return Next::is_over;
  }
  backoff_.reset();
  // Those of a fragment come again if the rest is lost.
  // While many are under way each message has the store's revision, which is beyond its events.
  const int64_t known = response.events.empty() ? response.revision : response.events.back().kv.mod_revision;
  if (!response.is_created && !response.is_fragment) revision_ = std::max(revision_, known);
  if (!response.events.empty()) handlers_.changed(response.events);
  return Next::goes_on;
}

}  // namespace flanneld
