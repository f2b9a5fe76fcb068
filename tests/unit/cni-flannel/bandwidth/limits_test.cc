#include "cni-flannel/bandwidth/limits.h"

#include <doctest/doctest.h>

#include <string>

#include "common/cni/error.h"

using namespace flannel::bandwidth;

namespace {

Limits parse(const std::string& config) {
  cni::Request request;
  request.config = json::parse(config, "test");
  return parse_limits(request);
}

std::string failure(const std::string& config) {
  try {
    static_cast<void>(parse(config));
  } catch (const cni::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("bandwidth: keys at the top go before those of the runtime") {
  const Limits own = parse(R"({"ingressRate": 8, "ingressBurst": 16,
      "runtimeConfig": {"bandwidth": {"egressRate": 1, "egressBurst": 1}}})");
  CHECK(own.ingress.rate == 8);
  CHECK(own.ingress.burst == 16);
  CHECK_FALSE(own.egress.is_set());
  CHECK(parse(R"({"runtimeConfig": {"bandwidth": {"egressRate": 1, "egressBurst": 2}}})").egress.burst == 2);
  CHECK_FALSE(parse("{}").any());
}

TEST_CASE("bandwidth: what cannot be set is refused by name") {
  CHECK(failure(R"({"ingressRate": 1})") == "if rate is set, burst must also be set");
  CHECK(failure(R"({"egressBurst": 1})") == "if burst is set, rate must also be set");
  CHECK(failure(R"({"egressRate": 1, "egressBurst": 34359738360})") == "burst cannot be more than 4GB");
  CHECK(failure(R"({"egressRate": 1, "egressBurst": 34359738359})").empty());
}

TEST_CASE("bandwidth: the kernel's numbers, at the ends too") {
  CHECK(make_token_bucket({.rate = 8'000'000, .burst = 800'000}) ==
        netlink::TokenBucket{.rate = 1'000'000, .limit = 125'000, .buffer = 1'562'500, .burst = 0});
  // A bucket that lasts longer than a number of 32 bits can say is told in bytes.
  CHECK(make_token_bucket({.rate = 1'000'000, .burst = 4'294'967'295}) ==
        netlink::TokenBucket{
            .rate = 125'000, .limit = 536'874'036, .buffer = UINT32_MAX, .burst = 536'870'911});
  CHECK(make_token_bucket({.rate = 1, .burst = 8}).rate == 1);
  const auto fast = make_token_bucket({.rate = UINT64_MAX / 2, .burst = 8});
  CHECK(fast.rate == UINT64_MAX / 16);
  CHECK(fast.limit == UINT32_MAX);
}

TEST_CASE("bandwidth: the name of an IFB is the reference's") {
  CHECK(ifb_name("cbr0", "c1") == "bwp68f1f1eeb62c");
}
