#include "cni-ipam/survey/survey.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/cni-ipam/test_support.h"

using namespace ipam;
using namespace std::chrono_literals;
using ipam_test::ip;
using State = Row::State;

namespace {

const std::chrono::sys_seconds kNow(1'800'000'000s);

HeldLease lease(const std::string& address, std::chrono::seconds age = 1h,
                const std::string& container = "pod") {
  return {.store = "/store",
          .address = ip(address),
          .state = LeaseFile::State::read,
          .container = container,
          .interface = "eth0",
          .since = kNow - age};
}

LivingAddress pod(const std::string& address, const std::string& netns, uint8_t prefix = 24) {
  return {.address = {ip(address), prefix}, .link = "eth0", .netns = netns};
}

std::map<std::string, State> states(const std::vector<HeldLease>& leases, const Living& living) {
  std::map<std::string, State> found;
  for (const Row& row : compare(leases, living, kNow)) found[row.address.str()] = row.state;
  return found;
}

}  // namespace

TEST_CASE("survey: a lease is held by one pod, leaked by none, young at first, and twice by two") {
  const Living living{.addresses = {pod("10.1.0.2", "a"), pod("10.1.0.5", "b"), pod("10.1.0.5", "c")}};
  const auto found =
      states({lease("10.1.0.2"), lease("10.1.0.3"), lease("10.1.0.4", 5s), lease("10.1.0.5")}, living);
  CHECK(found == std::map<std::string, State>{{"10.1.0.2", State::held},
                                              {"10.1.0.3", State::leaked},
                                              {"10.1.0.4", State::young},
                                              {"10.1.0.5", State::twice}});
}

TEST_CASE("survey: one namespace that shows an address twice is one pod") {
  const Living living{.addresses = {pod("10.1.0.2", "a"), pod("10.1.0.2", "a")}};
  CHECK(states({lease("10.1.0.2")}, living).at("10.1.0.2") == State::held);
}

TEST_CASE("survey: an address without a lease is told of in the store's own networks alone") {
  const Living living{.addresses = {pod("10.1.0.2", "a"), pod("10.1.0.9", "b"), pod("10.7.0.9", "c"),
                                    pod("10.1.0.8", "d", 32)}};
  const auto found = states({lease("10.1.0.2")}, living);
  CHECK(found == std::map<std::string, State>{{"10.1.0.2", State::held}, {"10.1.0.9", State::unleased}});
}

TEST_CASE("survey: out of sight of the pods nothing is called leaked") {
  const Living living{.addresses = {}, .sees_pods = false};
  CHECK(states({lease("10.1.0.2")}, living).at("10.1.0.2") == State::unknown);
}

TEST_CASE("survey: leases without a holder and those that cannot be read are told apart") {
  HeldLease unreadable = lease("10.1.0.3");
  unreadable.state = LeaseFile::State::unreadable;
  const auto found = states({lease("10.1.0.2", 1h, ""), unreadable}, Living{});
  CHECK(found.at("10.1.0.2") == State::torn);
  CHECK(found.at("10.1.0.3") == State::unreadable);
  CHECK(!compare({unreadable}, Living{}, kNow).front().since);
  unreadable.state = LeaseFile::State::strange;
  CHECK(!compare({unreadable}, Living{}, kNow).front().since);
}

TEST_CASE("survey: what is not well has advice, and only that") {
  for (const State state : {State::held, State::young, State::unknown, State::leaked, State::twice,
                            State::torn, State::unreadable, State::unleased}) {
    Row row;
    row.state = state;
    row.address = ip("10.1.0.2");
    CHECK(advice_for(row).empty() == is_well(state));
  }
}
