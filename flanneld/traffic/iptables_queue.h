// Updates of iptables' tables, one program after the other, without blocking the event loop. The agent's only
// part that starts programs for its rules.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "common/netfilter/iptables.h"
#include "flanneld/io/child.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/traffic/iptables_text.h"

namespace flanneld {

/// How an update ended. `reason` is for the last three.
struct IptablesOutcome {
  enum class Kind {
    unchanged,  ///< the rules were as desired
    changed,
    refused,    ///< iptables-restore did not take the change
    forbidden,  ///< this process may not start programs any more
    failed      ///< a program is missing, hung or failed
  };
  Kind kind = Kind::unchanged;
  std::string reason;
};

class IptablesQueue {
 public:
  /// The input for iptables-restore that turns the actual rules into the desired ones; empty if they are the
  /// same.
  using Decide = std::function<std::string(const IptablesSaved& actual)>;
  using Done = std::function<void(const IptablesOutcome& outcome)>;

  explicit IptablesQueue(EventLoop& loop) : loop_(loop) {}

  /// Reads the rules, lets `decide` compare them, and writes the change, after the updates that were asked
  /// for earlier. Callbacks may ask for more; they come from the loop, or at once if a program is missing.
  void update(base::Family family, netfilter::IptablesVariant variant, Decide decide, Done done);
  /// As update(), but before the others that wait.
  void update_next(base::Family family, netfilter::IptablesVariant variant, Decide decide, Done done);
  /// Calls `done` after the updates that were asked for earlier: at once if there are none.
  void then(std::function<void()> done);
  /// Drops all updates and kills the program that runs; none of their callbacks is called any more.
  void clear();

 private:
  struct Item {
    base::Family family;
    netfilter::IptablesVariant variant;
    Decide decide;  ///< empty: only `done` is called
    Done done;
  };

  void run_next();
  void read(Item item);
  void write(Item item, const std::string& changes);
  void end(const Item& item, const IptablesOutcome& outcome);

  EventLoop& loop_;
  std::deque<Item> items_;
  std::unique_ptr<Child> child_;
  bool is_busy_ = false;
};

}  // namespace flanneld
