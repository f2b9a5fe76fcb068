#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "flanneld/lease/lease_table.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
using flanneld::LeaseDiff;
using flanneld::LeaseEvent;
using flanneld::LeaseTable;
using namespace flanneld_test;

namespace {

LeaseEvent put(const Lease& lease) { return {LeaseEvent::Kind::put, lease}; }

LeaseEvent removed(const std::string& name) {
  LeaseEvent event{LeaseEvent::Kind::removed, {}};
  event.lease.key = key(name);
  return event;
}

/// "+subnet@address -subnet@address".
std::string text(const LeaseDiff& diff) {
  std::string out;
  const auto add = [&](const char* sign, const Lease& lease) {
    out += (out.empty() ? "" : " ") + (sign + lease.key.format()) + "@" + lease.attributes.public_ip.str();
  };
  for (const Lease& lease : diff.upserted) add("+", lease);
  for (const Lease& lease : diff.removed) add("-", lease);
  return out;
}

const Lease kTwo = lease("10.5.2.0-24", "192.168.1.2");
const Lease kThree = lease("10.5.3.0-24", "192.168.1.3");

}  // namespace

TEST_CASE("lease table: events") {
  LeaseTable table;
  CHECK(text(table.apply({put(kTwo), put(kThree)})) == "+10.5.2.0-24@192.168.1.2 +10.5.3.0-24@192.168.1.3");
  CHECK(table.apply({put(kTwo)}).empty());
  CHECK(table.apply({}).empty());
  CHECK(text(table.apply({put(lease("10.5.2.0-24", "192.168.1.9"))})) == "+10.5.2.0-24@192.168.1.9");
  CHECK(text(table.apply({put(lease("10.5.2.0-24", "192.168.1.9", "{}"))})) == "+10.5.2.0-24@192.168.1.9");
  CHECK(text(table.apply({removed("10.5.2.0-24")})) == "-10.5.2.0-24@192.168.1.9");
  CHECK(table.apply({removed("10.5.2.0-24"), removed("10.5.77.0-24")}).empty());
  CHECK(table.leases().size() == 1);
}

TEST_CASE("lease table: a batch is answered as a whole") {
  LeaseTable table;
  table.reset({kTwo});
  CHECK(table.apply({removed("10.5.2.0-24"), put(kTwo)}).empty());
  CHECK(table.leases().size() == 1);
  CHECK(table.apply({put(kThree), removed("10.5.3.0-24")}).empty());
  CHECK(table.leases().size() == 1);
  CHECK(text(table.apply({put(lease("10.5.2.0-24", "1.1.1.1")), removed("10.5.2.0-24")})) ==
        "-10.5.2.0-24@192.168.1.2");
  CHECK(table.leases().empty());
}

TEST_CASE("lease table: a renewal moves the expiry and nothing else") {
  LeaseTable table;
  table.reset({kTwo});
  Lease renewed = kTwo;
  renewed.expiry = std::chrono::sys_seconds{std::chrono::hours{48}};
  CHECK(table.apply({put(renewed)}).empty());
  CHECK(table.leases().begin()->second == renewed);
}

TEST_CASE("lease table: a snapshot compares whole leases") {
  LeaseTable table;
  CHECK(text(table.reset({kThree, kTwo})) == "+10.5.2.0-24@192.168.1.2 +10.5.3.0-24@192.168.1.3");
  CHECK(table.reset({kTwo, kThree}).empty());
  // Upstream keeps silent when a known subnet's attributes changed.
  CHECK(text(table.reset({lease("10.5.2.0-24", "192.168.1.7"), lease("10.5.4.0-24", "192.168.1.4")})) ==
        "+10.5.2.0-24@192.168.1.7 +10.5.4.0-24@192.168.1.4 -10.5.3.0-24@192.168.1.3");
  CHECK(text(table.reset({kTwo, lease("10.5.2.0-24", "192.168.1.8")})) ==
        "+10.5.2.0-24@192.168.1.8 -10.5.4.0-24@192.168.1.4");
  CHECK(text(table.reset({})) == "-10.5.2.0-24@192.168.1.8");
}

TEST_CASE("lease table: the own lease never appears") {
  LeaseTable table;
  table.set_own(key("10.5.2.0-24"));
  CHECK(text(table.reset({kTwo, kThree})) == "+10.5.3.0-24@192.168.1.3");
  CHECK(table.reset({kTwo, kThree}).empty());
  CHECK(table.apply({put(kTwo), removed("10.5.2.0-24")}).empty());
  CHECK(table.apply({put(lease("10.5.2.0-24&fd00::-64", "192.168.1.2"))}).empty());
  // Another subnet was taken: it is no longer a peer's, and the old one may become one.
  CHECK(text(table.set_own(key("10.5.3.0-24"))) == "-10.5.3.0-24@192.168.1.3");
  CHECK(text(table.apply({put(kTwo)})) == "+10.5.2.0-24@192.168.1.2");
  CHECK(table.set_own(std::nullopt).empty());
}

TEST_CASE("lease table: a burst of leases is held in full") {
  LeaseTable table;
  for (int i = 0; i < 2000; ++i) {
    const std::string name = "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0-24";
    CHECK(table.apply({put(lease(name, "192.168.1.2"))}).upserted.size() == 1);
  }
  CHECK(table.leases().size() == 2000);
}
