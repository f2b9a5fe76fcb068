#include "flanneld/agent/readiness.h"

#include <doctest/doctest.h>

#include "flanneld/agent/health.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

TEST_CASE("readiness: goes from phase to phase, and stays in the last one") {
  Readiness readiness;
  CHECK(readiness.phase() == Phase::config);
  readiness.wait(Phase::lease, "a lease");
  CHECK(readiness.phase() == Phase::lease);
  readiness.finish();
  CHECK(readiness.is_done());
  CHECK_FALSE(readiness.reason());
  readiness.wait(Phase::data_path, "the kernel");
  CHECK(readiness.is_done());
  readiness.restart();
  CHECK_FALSE(readiness.is_done());
}

TEST_CASE("readiness: systemd is told once that the node is ready") {
  Readiness readiness;
  CHECK(readiness.announce("10.5.1.0/24"));
  CHECK_FALSE(readiness.announce("10.5.1.0/24"));
}

TEST_CASE("health: names what is missing, in the order of the start") {
  Readiness readiness;
  ReconcilerStatus kernel;
  TrafficStatus rules;
  const auto reason = [&] { return find_not_ready(readiness, kernel, &rules).value_or(""); };
  CHECK(reason() == "waiting for the network configuration");
  readiness.finish();
  CHECK(reason().empty());
  rules.failure = "no nftables";
  CHECK(reason() == "no nftables");
  kernel.drift.add("route 10.5.2.0/24 is missing");
  CHECK(contains(reason(), "--heal is off; the first: route 10.5.2.0/24"));
  for (int i = 0; i < 2000; ++i) kernel.failures.add("add route");
  CHECK(contains(reason(), "2000 of the kernel's objects could not be made"));
}
