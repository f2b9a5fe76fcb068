#include "flanneld/store/kube/follower.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "flanneld/store/spread.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr size_t kMaxNode = 4 << 20;  // etcd takes 1.5 MiB
/// A server that is away is looked for so often; one that refuses to serve is left in peace.
constexpr milliseconds kFirstLook(100), kMostLook(800);
constexpr milliseconds kFirstLateLook(800), kMostLateLook(5000);
constexpr std::chrono::minutes kLongOutage(5);  // many nodes look
constexpr milliseconds kFirstRefusal(800), kMostRefusal(30'000);
constexpr seconds kLongestRetryAfter(60);
/// Bookmarks come each minute. A watch that says nothing for half of that may be of a server that is not
/// there, which another request tells; and for longer, whatever a request says, one that somebody on the way
/// has lost.
constexpr seconds kWatchLook(30), kWatchSilence(150), kListSilence(30);
/// After a refusal a watch that is taken and says nothing is looked into earlier: the problem may be over.
constexpr seconds kLookAfterProblem(2);
constexpr seconds kListLimit(300);
constexpr seconds kShortWatch(1);
constexpr milliseconds kMostSpread(30'000);
constexpr int kLeastWatchSeconds = 300;  // and less than twice as many

constexpr const char* kNodes = "/api/v1/nodes";
constexpr const char* kMetadataList =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

int watch_seconds() {
  uint32_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = 0;
  return kLeastWatchSeconds + static_cast<int>(random % kLeastWatchSeconds);
}

/// A server that is there and says no. A proxy in front of it says 502 to 504 while it is away.
bool is_refusal(long status) {
  return status != 0 && (status < 200 || status > 299) && (status < 502 || status > 504);
}

}  // namespace

NodeFollower::NodeFollower(EventLoop& loop, KubeClient& client, std::string prefix, Handlers handlers)
    : client_(client),
      prefix_(std::move(prefix)),
      handlers_(std::move(handlers)),
      next_timer_(loop, [this] { next(); }),
      silence_timer_(loop, [this] { silent(); }),
      backoff_(kFirstLook, kMostLook),
      late_backoff_(kFirstLateLook, kMostLateLook),
      refusal_backoff_(kFirstRefusal, kMostRefusal),
      list_(kMaxNode),
      events_(kMaxNode) {}

void NodeFollower::next_soon(Step step, milliseconds delay) {
  call_.reset();
  look_.reset();
  silence_timer_.cancel();
  events_.clear();
  step_ = step;
  next_timer_.start(delay);
}

void NodeFollower::next() {
  switch (step_) {
    case Step::list:
      handlers_.list_begins();
      nodes_ = 0;
      return list("");
    case Step::probe:
      return probe();
    case Step::watch:
      return watch();
  }
}

void NodeFollower::fail(Step step, const std::string& reason) {
  if (!outage_began_) outage_began_ = EventLoop::Clock::now();
  fail_after(is_long_away() ? late_backoff_.next() : backoff_.next(), step, reason);
}

/// A server that begins to serve again says no for a while.
void NodeFollower::refuse(Step step, const std::string& reason, seconds retry_after) {
  milliseconds pause = refusal_backoff_.next();
  if (outage_began_ && !is_long_away()) pause = std::min(pause, backoff_.next());
  fail_after(std::max<milliseconds>(pause, std::min(retry_after, kLongestRetryAfter)), step, reason);
}

bool NodeFollower::is_long_away() const { return EventLoop::Clock::now() - *outage_began_ > kLongOutage; }

void NodeFollower::serves() {
  has_problem_ = false;
  outage_began_.reset();
  backoff_.reset();
  late_backoff_.reset();
  handlers_.answered();
}

void NodeFollower::fail_after(milliseconds pause, Step step, const std::string& reason) {
  has_problem_ = true;
  next_soon(step, pause);
  handlers_.failed(reason);
}

void NodeFollower::silent() {
  if (step_ == Step::watch && EventLoop::Clock::now() - heard_ < kWatchSilence) {
    look_ = begin_probe([this](const KubeAnswer& answer) { take_look(answer); });
    return;
  }
  client_.distrust();
  if (step_ == Step::watch) return next_soon(Step::list, seconds(0));
  fail(step_, fmt::format("{}: no answer for {} s", client_.server(), kListSilence.count()));
}

// --- the list ---------------------------------------------------------------------------------------------

void NodeFollower::list(const std::string& continued) {
  list_ = ListSplitter(kMaxNode);
  std::string query = "?limit=500";
  if (!continued.empty())
    query = fmt::format("?continue={}&limit=500", url_encoded(continued));
  else if (age_ == Age::not_older)
    query = fmt::format("?resourceVersion={}", url_encoded(version_));
  else if (age_ == Age::any)
    query = "?limit=500&resourceVersion=0";
  silence_timer_.start(kListSilence);
  call_ = client_.begin(
      {.path = fmt::format("{}{}", kNodes, query), .rule = "nodes: list", .limit = kListLimit},
      [this](const KubeAnswer& answer) { list_answered(answer); },
      [this](std::string_view bytes) { take_list_bytes(bytes); });
}

void NodeFollower::take_list_bytes(std::string_view bytes) {
  silence_timer_.start(kListSilence);
  try {
    list_.take(bytes, [this](std::string_view item) {
      ++nodes_;
      handlers_.listed(parse_kube_node(item, prefix_));
    });
  } catch (const base::ParseError& error) {
    refuse(Step::list, fmt::format("{}: {}", client_.server(), error.what()));
  }
}

void NodeFollower::list_answered(const KubeAnswer& answer) {
  if (answer) return end_page();
  const bool is_gone = answer.status == 410 || answer.status == 504;
  if (is_gone && age_ != Age::now) {  // what was known is of another history than the server's
    age_ = Age::now;
    return next_soon(Step::list, seconds(0));
  }
  if (is_refusal(answer.status)) return refuse(Step::list, answer.reason, answer.retry_after);
  fail(Step::list, answer.reason);
}

void NodeFollower::end_page() {
  KubeListHead head;
  try {
    if (!list_.is_complete()) throw base::ParseError("the list breaks off");
    head = parse_kube_list_head(list_.envelope());
  } catch (const base::ParseError& error) {
    return refuse(Step::list, fmt::format("{}: {}", client_.server(), error.what()));
  }
  if (!head.next.empty()) return list(head.next);
  version_ = head.resource_version;
  age_ = Age::not_older;
  is_fresh_ = true;
  next_soon(Step::watch, seconds(0));
  serves();
  handlers_.list_ends();
}

// --- after an outage --------------------------------------------------------------------------------------

KubeClient::CallPtr NodeFollower::begin_probe(KubeClient::Done done) {
  return client_.begin(
      {.path = fmt::format("{}?limit=1", kNodes), .accept = kMetadataList, .rule = "nodes: list"},
      std::move(done));
}

void NodeFollower::probe() {
  call_ = begin_probe([this](const KubeAnswer& answer) { take_probe(answer); });
}

void NodeFollower::take_probe(const KubeAnswer& answer) {
  if (answer.status == 406) return next_soon(Step::list, seconds(0));
  if (is_refusal(answer.status)) return refuse(Step::probe, answer.reason, answer.retry_after);
  if (!answer) return fail(Step::probe, answer.reason);
  std::string version;
  try {
    version = parse_kube_list_head(answer.body).resource_version;
  } catch (const base::ParseError& error) {
    return refuse(Step::probe, fmt::format("{}: {}", client_.server(), error.what()));
  }
  const bool is_younger = is_older_version(version, version_);  // wiped, or restored from a copy
  if (is_younger) age_ = Age::now;
  serves();
  next_soon(is_younger ? Step::list : Step::watch, seconds(0));
}

// --- the watch --------------------------------------------------------------------------------------------

void NodeFollower::watch() {
  has_event_ = false;
  watch_begun_ = EventLoop::Clock::now();
  heard();
  call_ = client_.begin(
      {.path = fmt::format("{}?allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}&watch=true",
                           kNodes, url_encoded(version_), watch_seconds()),
       .accept = metadata_suffices_ ? kAcceptMetadata : "application/json",
       .rule = "nodes: watch",
       .limit = seconds(0)},
      [this](const KubeAnswer& answer) { watch_ended(answer); },
      [this](std::string_view bytes) { take_watch_bytes(bytes); });
}

void NodeFollower::heard() {
  heard_ = EventLoop::Clock::now();
  silence_timer_.start(has_problem_ ? kLookAfterProblem : kWatchLook);
}

/// While the watch says nothing. A server that refuses this is there.
void NodeFollower::take_look(const KubeAnswer& answer) {
  if (!answer && !is_refusal(answer.status)) {
    client_.distrust();
    return fail(Step::probe, answer.reason);
  }
  look_.reset();
  if (answer) serves();
  silence_timer_.start(kWatchLook);
}

void NodeFollower::take_watch_bytes(std::string_view bytes) {
  heard();
  const KubeClient::Call* mine = call_.get();
  try {
    events_.take(bytes);
    while (const auto event = events_.next()) {
      take_event(parse_kube_event(*event, prefix_));
      if (call_.get() != mine) return;
    }
  } catch (const base::ParseError& error) {
    refuse(Step::list, fmt::format("{}: {}", client_.server(), error.what()));
  }
}

void NodeFollower::take_event(const KubeEvent& event) {
  if (event.kind == KubeEvent::Kind::error) {
    if (event.code == 410) return history_lost();
    return refuse(Step::list, fmt::format("{}: {} (code {})", client_.server(), event.message, event.code));
  }
  if (has_problem_) serves();
  has_event_ = true;
  is_fresh_ = false;
  refusal_backoff_.reset();
  version_ = event.node.resource_version;
  if (event.kind != KubeEvent::Kind::bookmark) handlers_.changed(event);
}

/// A server that has just started knows no history: a list helps, unless it has just been made. All other
/// nodes are told the same at the same time.
void NodeFollower::history_lost() {
  const milliseconds spread = std::min(urgent_list_spread(nodes_), kMostSpread);
  next_soon(Step::list, is_fresh_ ? refusal_backoff_.next() : random_part(spread));
}

void NodeFollower::watch_ended(const KubeAnswer& answer) {
  if (answer.status == 410) return history_lost();
  const bool is_other_form = answer.status == 406 || answer.status == 415 || answer.status == 400;
  if (is_other_form && std::exchange(metadata_suffices_, false)) return next_soon(Step::watch, seconds(0));
  if (is_refusal(answer.status))
    return refuse(answer.status == 429 ? Step::watch : Step::list, answer.reason, answer.retry_after);
  if (!answer) return fail(Step::probe, answer.reason);
  const bool is_short = EventLoop::Clock::now() - watch_begun_ < kShortWatch && !has_event_;
  if (!is_short) {
    refusal_backoff_.reset();
    return next_soon(Step::watch, seconds(0));
  }
  refuse(Step::list, fmt::format("{}: it ends each watch at once", client_.server()));
}

}  // namespace flanneld
