// A storm of random calls of two implementations on one bridge and one directory of leases: `flannel`,
// and the reference `bridge` with `host-local` or flannel-ipam; behind some of them `firewall`,
// /run/own/firewall or the reference's. Some calls are killed. Throughout, no address may be held by two
// containers, and the lease of a live one must stay what it is. Usage: storm OPERATIONS WORKERS SEED
// FLANNEL_CONF REFERENCE_CONF STORE Runs in a node that has a namespace /run/netns/sN for each of WORKERS * 4
// slots. Prints a line for each breach, the containers that live at the end as "live ID ADDRESS NETNS CHAIN",
// CHAIN being "firewall" or "none", and a line of counts. Exit status 0: no breach.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <thread>

#include "common/base/file.h"
#include "tests/storm/call.h"
#include "tests/storm/slot.h"

namespace storm {
namespace {

constexpr int kSlotsPerWorker = 4;
constexpr int kMostKillMicroseconds = 20'000;  // a call takes 2 to 30 ms

class Storm {
 public:
  Storm(int operations, int workers, json::Value flannel_conf, const json::Value& reference_conf,
        std::string store)
      : operations_(operations),
        flannel_conf_(std::move(flannel_conf)),
        reference_confs_{reference_conf, reference_conf},
        store_(std::move(store)) {
    reference_confs_[0]["ipam"]["type"] = "host-local";
    reference_confs_[1]["ipam"]["type"] = "flannel-ipam";
    for (int i = 0; i < workers * kSlotsPerWorker; ++i) slots_.emplace_back().number = i;
  }

  void work(int worker, unsigned seed) {
    std::mt19937 random(seed);
    while (operations_-- > 0) {
      if (random() % 60 == 0) {
        const std::unique_lock alone(gc_);  // the specification: GC excludes ADD and DEL
        collect();
        continue;
      }
      const std::shared_lock shared(gc_);
      step(slots_[static_cast<size_t>(worker * kSlotsPerWorker) + random() % kSlotsPerWorker], random);
    }
  }

  /// Reads the leases of live containers, over and over.
  void watch(const std::atomic<bool>& stop) {
    while (!stop) {
      for (const Slot& slot : slots_) look_at(slot);
      ::usleep(2000);
    }
  }

  /// What is due is done, as a runtime does when it comes to rest.
  void settle() {
    for (Slot& slot : slots_)
      if (slot.state == Slot::State::doubtful) remove(slot, true, -1);
    collect();
  }

  /// Prints what is to be compared with the node; returns the number of breaches.
  int report() {
    for (const Slot& slot : slots_)
      if (slot.state == Slot::State::live)
        std::printf("live %s %s %s %s\n", slot.id().c_str(), slot.address.c_str(), slot.netns_name().c_str(),
                    has_firewall(slot) ? "firewall" : "none");
    for (const auto& [what, count] : counts_) std::printf("%s %d, ", what.c_str(), count);
    std::printf("leases looked at %ld, breaches %d\n", looks_.load(), breaches_.load());
    return breaches_;
  }

 private:
  Outcome call(const std::string& verb, const Slot& slot, bool ours, const json::Value& config,
               int kill_after_us = -1) {
    return call_program(ours ? "/opt/cni/bin/flannel" : "/opt/cni/bin/bridge",
                        (ours ? "flannel " : "reference ") + verb, verb, slot,
                        ours ? with_extras(slot, config) : config, kill_after_us);
  }

  Outcome call_program(const std::string& program, const std::string& name, const std::string& verb,
                       const Slot& slot, const json::Value& config, int kill_after_us) {
    Outcome outcome = run({{program},
                           {"CNI_COMMAND=" + verb, "CNI_CONTAINERID=" + (verb == "GC" ? "" : slot.id()),
                            "CNI_NETNS=/run/netns/" + slot.netns_name(), "CNI_IFNAME=eth0",
                            "CNI_PATH=/opt/cni/bin", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
                           config.dump(),
                           kill_after_us});
    count(name + (outcome.killed ? " killed" : outcome.succeeded ? "" : " failed"));
    return outcome;
  }

  /// Another quarter of the pods, ours and the reference's.
  static bool has_firewall(const Slot& slot) { return slot.number % kSlotsPerWorker == 1; }

  /// A call of the firewall behind them, if the pod has it. Whether it succeeded; what of ours fails is a
  /// breach.
  bool call_firewall(const std::string& verb, const Slot& slot, bool ours, const json::Value& config,
                     int kill_after_us) {
    const Outcome outcome =
        call_program(ours ? "/run/own/firewall" : "/opt/cni/bin/firewall",
                     (ours ? "firewall " : "reference firewall ") + verb, verb, slot, config, kill_after_us);
    if (ours && !outcome.succeeded && !outcome.killed)
      breach("firewall " + verb + " of " + slot.id() + " failed: " + outcome.output);
    return outcome.succeeded;
  }

  static json::Value firewall_conf(const json::Value& result) {
    json::Value config = {{"cniVersion", "1.0.0"}, {"name", "cbr0"}, {"type", "firewall"}};
    if (!result.is_null()) config["prevResult"] = result;
    return config;
  }

  /// A quarter of our pods also has a port of the node, the place's own, and a limit.
  static json::Value with_extras(const Slot& slot, json::Value config) {
    if (slot.number % kSlotsPerWorker != 0) return config;
    config["runtimeConfig"] = {{"portMappings", {{{"hostPort", 20000 + slot.number}, {"containerPort", 80}}}},
                               {"bandwidth", {{"egressRate", 80'000'000}, {"egressBurst", 8'000'000}}}};
    return config;
  }

  void step(Slot& slot, std::mt19937& random) {
    const bool ours = random() % 2 == 0;
    const bool killed = random() % 7 == 0;
    const int kill_after_us = killed ? static_cast<int>(random() % kMostKillMicroseconds) : -1;
    switch (slot.state) {
      case Slot::State::empty:
        return add(slot, ours, kill_after_us);
      case Slot::State::live:
        return random() % 5 < 3 ? remove(slot, ours, kill_after_us) : check(slot);
      case Slot::State::doubtful:
        return random() % 3 == 0 ? die(slot) : remove(slot, ours, -1);
      case Slot::State::dead:
        ++operations_;  // was none: nothing can be done before GC
        ::usleep(500);
        return;
    }
  }

  void add(Slot& slot, bool ours, int kill_after_us) {
    ++slot.generation;
    slot.ours = ours;
    const int kill_first_us = has_firewall(slot) ? -1 : kill_after_us;
    const Outcome outcome = call("ADD", slot, ours, conf(ours), kill_first_us);
    slot.state = Slot::State::doubtful;
    if (!outcome.succeeded) {
      if (ours && !outcome.killed) breach("ADD of " + slot.id() + " failed: " + outcome.output);
      return;
    }
    slot.result = json::Value::parse(outcome.output);
    if (has_firewall(slot) && !call_firewall("ADD", slot, ours, firewall_conf(slot.result), kill_after_us))
      return;
    slot.address = slot.result["ips"][0]["address"].get<std::string>();
    slot.address.resize(slot.address.find('/'));
    {
      const std::lock_guard lock(mutex_);
      if (const auto [holder, is_new] = holders_.try_emplace(slot.address, slot.id()); !is_new)
        breach(slot.address + " of " + holder->second + " was given to " + slot.id());
    }
    slot.state = Slot::State::live;
    ++slot.version;
  }

  void remove(Slot& slot, bool ours, int kill_after_us) {
    // The reference's knows its rules by the address alone, which of a doubtful pod may be another's by now.
    const bool is_live = slot.state == Slot::State::live;
    give_up(slot);
    if (has_firewall(slot) &&
        !call_firewall("DEL", slot, ours || !is_live, firewall_conf(is_live ? slot.result : json::Value()),
                       kill_after_us)) {
      slot.state = Slot::State::doubtful;
      return;
    }
    const int kill_last_us = has_firewall(slot) ? -1 : kill_after_us;
    const Outcome outcome = call("DEL", slot, ours, conf(ours), kill_last_us);
    slot.state = outcome.succeeded ? Slot::State::empty : Slot::State::doubtful;
    if (outcome.succeeded && !ours) forget_scratch(slot);
    if (ours && !outcome.succeeded && !outcome.killed)
      breach("DEL of " + slot.id() + " failed: " + outcome.output);
  }

  void check(Slot& slot) {
    json::Value config = conf(slot.ours);
    config["prevResult"] = slot.result;
    const Outcome outcome = call("CHECK", slot, slot.ours, config);
    if (!outcome.succeeded) breach("CHECK of " + slot.id() + " failed: " + outcome.output);
    if (has_firewall(slot)) call_firewall("CHECK", slot, true, firewall_conf(slot.result), -1);
  }

  /// The container's namespace goes, and nobody tells the plugins.
  static void die(Slot& slot) {
    const std::vector<std::string> path{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    for (const char* what : {"del", "add"}) run({{"ip", "netns", what, slot.netns_name()}, path, "", -1});
    slot.state = Slot::State::dead;
  }

  void collect() {
    json::Value config = flannel_conf_;
    config["cniVersion"] = "1.1.0";
    json::Value& valid = config["cni.dev/valid-attachments"] = json::Value::array();
    for (const Slot& slot : slots_)
      if (slot.state == Slot::State::live || slot.state == Slot::State::doubtful)
        valid.push_back({{"containerID", slot.id()}, {"ifname", "eth0"}});
    const Outcome outcome = call("GC", slots_.front(), true, config);
    if (!outcome.succeeded) breach("GC failed: " + outcome.output);
    config["type"] = "firewall";
    call_firewall("GC", slots_.front(), true, config, -1);
    for (Slot& slot : slots_) {
      look_at(slot);
      if (slot.state == Slot::State::dead) slot.state = Slot::State::empty;
    }
  }

  /// From now on the address may be another's.
  void give_up(Slot& slot) {
    if (slot.state != Slot::State::live) return;
    ++slot.version;
    const std::lock_guard lock(mutex_);
    holders_.erase(slot.address);
  }

  /// As Go flannel does after its delegate's DEL.
  static void forget_scratch(const Slot& slot) { ::unlink(("/var/lib/cni/flannel/" + slot.id()).c_str()); }

  void look_at(const Slot& slot) {
    const unsigned version = slot.version;
    if (version % 2 == 0) return;
    std::string id, address;
    {
      const std::lock_guard lock(mutex_);  // holders_ changes after `version` does
      for (const auto& [held, holder] : holders_)
        if (holder.starts_with(slot.netns_name() + "g")) id = holder, address = held;
    }
    if (id.empty()) return;
    const std::string text = base::read_file(store_ + "/" + address, 4096).value_or("(none)");
    if (slot.version != version) return;
    ++looks_;
    if (text != id + "\r\neth0") breach("the lease of " + address + ", held by " + id + ", reads: " + text);
  }

  /// Reference calls take turns: each IPAM plugin releases what the other has given.
  [[nodiscard]] const json::Value& conf(bool ours) {
    return ours ? flannel_conf_ : reference_confs_[turn_++ % reference_confs_.size()];
  }

  void breach(const std::string& text) {
    ++breaches_;
    std::printf("breach: %s\n", text.c_str());
  }

  void count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    ++counts_[what];
  }

  std::atomic<int> operations_;  ///< still to be begun
  json::Value flannel_conf_;
  std::array<json::Value, 2> reference_confs_;
  std::atomic<unsigned> turn_{0};
  std::string store_;
  std::deque<Slot> slots_;
  std::shared_mutex gc_;
  std::mutex mutex_;                            ///< of the two maps
  std::map<std::string, std::string> holders_;  ///< address to container
  std::map<std::string, int> counts_;
  std::atomic<int> breaches_{0};
  std::atomic<long> looks_{0};
};

json::Value read_json(const char* path) { return json::Value::parse(base::read_file(path, 1 << 20).value()); }

int run_storm(char** argv) {
  const int workers = std::atoi(argv[2]);
  const auto seed = static_cast<unsigned>(std::atoi(argv[3]));
  Storm storm(std::atoi(argv[1]), workers, read_json(argv[4]), read_json(argv[5]), argv[6]);
  std::atomic<bool> stop{false};
  std::thread watcher([&] { storm.watch(stop); });
  std::deque<std::thread> threads;
  for (int i = 0; i < workers; ++i)
    threads.emplace_back([&, i] { storm.work(i, seed + static_cast<unsigned>(i)); });
  for (std::thread& thread : threads) thread.join();
  storm.settle();
  stop = true;
  watcher.join();
  return storm.report() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: %s OPERATIONS WORKERS SEED FLANNEL_CONF REFERENCE_CONF STORE\n", argv[0]);
    return 2;
  }
  return storm::run_storm(argv);
}
