#include "flanneld/agent/saved_leases.h"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include "flanneld/store/factory.h"
#include "tests/support/fake_time.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

/// An agent whose last run has saved so many peers.
struct Saving {
  explicit Saving(int peers) {
    options.state_file = fmt::format("{}/leases.json", directory.path());
    options.lease_dir = "/of the test";
    SavedState state{.store = store_identity(options),
                     .cluster = "1",
                     .network_config = "{}",
                     .former_config = "",
                     .own = lease("10.5.1.0-24", "192.0.2.1"),
                     .peers = {}};
    for (int i = 0; i < peers; ++i)
      state.peers.push_back(lease(fmt::format("10.{}.{}.0-24", 6 + i / 256, i % 256), "192.0.2.2"));
    save_state(options.state_file, state);
    saved.load();
    saved.drop();
  }
  /// How often it has been asked what to save, after this time.
  int saves_after(int pause) {
    time.advance(std::chrono::milliseconds(pause));
    return saves;
  }

  test::TempDir directory{"/tmp/flanneld-saved.XXXXXX"};
  Options options;
  test::FakeTime time;
  int saves = 0;
  SavedLeases saved{time.loop,
                    options,
                    {.use = [](const SavedState&) { return false; },
                     .collect =
                         [this] {
                           ++saves;
                           return std::optional<SavedState>();
                         },
                     .settled = [] {},
                     .changed = [] {}}};
};

}  // namespace

TEST_CASE("saved leases: changes of few peers are saved within two seconds, of many within ten") {
  int peers = 0, delay = 2000;
  SUBCASE("none") {}
  SUBCASE("1,000") { peers = 1000; }
  SUBCASE("2,000") { peers = 2000, delay = 4000; }
  SUBCASE("6,000") { peers = 6000, delay = 10'000; }
  Saving node(peers);
  node.saved.save_peers_soon();
  CHECK(node.saves_after(delay - 10) == 0);
  node.saved.save_peers_soon();  // goes with it
  CHECK(node.saves_after(10) == 1);
  CHECK(node.saves_after(60'000) == 1);
}

TEST_CASE("saved leases: what waits is saved before the end, and nothing else is") {
  Saving node(5000);
  node.saved.save_waiting();
  CHECK(node.saves == 0);
  node.saved.save_peers_soon();
  node.saved.save_waiting();
  CHECK(node.saves == 1);
}

TEST_CASE("saved leases: what the node needs itself does not wait until changes of many peers are saved") {
  Saving node(5000);
  node.saved.save_peers_soon();
  SUBCASE("within two seconds, however often it changes") {
    CHECK(node.saves_after(1000) == 0);
    node.saved.save_soon();
    CHECK(node.saves_after(1900) == 0);
    node.saved.save_soon();
    CHECK(node.saves_after(100) == 1);
  }
  SUBCASE("at once") {
    node.saved.save_now();
    node.saved.save_soon();
    CHECK(node.saves_after(0) == 1);
  }
  CHECK(node.saves_after(60'000) == 1);
}
