#include "flanneld/traffic/iptables_queue.h"

#include <cerrno>
#include <utility>

#include "common/base/text.h"
#include "flanneld/traffic/iptables_programs.h"

namespace flanneld {
namespace {

using Kind = IptablesOutcome::Kind;

IptablesOutcome missing(base::Family family, const char* action) {
  return {.kind = Kind::failed,
          .reason = fmt::format("find program '{}-{}': this node needs iptables, or EnableNFTables",
                                iptables_name(family), action)};
}

/// For a program that did not succeed; `otherwise` if it could at least be run to its end.
IptablesOutcome failure(const ChildResult& result, Kind otherwise, std::string doing) {
  const Kind kind = result.error_number == 0       ? otherwise
                    : result.error_number == EPERM ? Kind::forbidden
                                                   : Kind::failed;
  return {.kind = kind, .reason = fmt::format("{}: {}", doing, result.reason())};
}

}  // namespace

void IptablesQueue::update(base::Family family, netfilter::IptablesVariant variant, Decide decide,
                           Done done) {
  items_.push_back({family, variant, std::move(decide), std::move(done)});
  run_next();
}

void IptablesQueue::update_next(base::Family family, netfilter::IptablesVariant variant, Decide decide,
                                Done done) {
  items_.push_front({family, variant, std::move(decide), std::move(done)});
  run_next();
}

void IptablesQueue::then(std::function<void()> done) {
  items_.push_back({{}, {}, {}, [done = std::move(done)](const IptablesOutcome&) { done(); }});
  run_next();
}

void IptablesQueue::clear() {
  items_.clear();
  child_.reset();
  is_busy_ = false;
}

void IptablesQueue::run_next() {
  while (!is_busy_ && !items_.empty()) {
    Item item = std::move(items_.front());
    items_.pop_front();
    if (item.decide)
      read(std::move(item));
    else
      item.done({});
  }
}

void IptablesQueue::read(Item item) {
  auto call = netfilter::iptables_save(item.family, item.variant);
  if (!call) return item.done(missing(item.family, "save"));
  call->timeout = kIptablesTimeout;
  is_busy_ = true;
  child_ = std::make_unique<Child>(
      loop_, std::move(*call), [this, item = std::move(item)](const ChildResult& result) {
        if (!result.succeeded())
          return end(item, failure(result, Kind::failed,
                                   fmt::format("read the rules: {}-save", iptables_name(item.family))));
        const std::string changes = item.decide(parse_iptables_save(result.output));
        if (changes.empty()) return end(item, {});
        write(item, changes);
      });
}

void IptablesQueue::write(Item item, const std::string& changes) {
  auto call = netfilter::iptables_restore(item.family, item.variant, changes);
  if (!call) return end(item, missing(item.family, "restore"));
  call->timeout = kIptablesTimeout;
  child_ = std::make_unique<Child>(
      loop_, std::move(*call), [this, item = std::move(item)](const ChildResult& result) {
        if (result.succeeded()) return end(item, {.kind = Kind::changed, .reason = {}});
        end(item, failure(result, Kind::refused,
                          fmt::format("write the rules: {}-restore", iptables_name(item.family))));
      });
}

void IptablesQueue::end(const Item& item, const IptablesOutcome& outcome) {
  const Done done = item.done;  // the item goes with the child
  child_.reset();
  is_busy_ = false;
  done(outcome);
  run_next();
}

}  // namespace flanneld
