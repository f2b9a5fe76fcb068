#include "flanneld/commands/doctor_clock.h"

#include <doctest/doctest.h>

#include "flanneld/io/base64.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using State = Finding::State;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr sys_seconds kNow{seconds(1'800'000'000)};

/// As the API server makes them: base64 for URLs, without padding.
std::string token(const std::string& claims) {
  std::string text = base64_encode(claims);
  while (text.ends_with('=')) text.pop_back();
  for (char& one : text) one = one == '+' ? '-' : one == '/' ? '_' : one;
  return fmt::format("eyJhbGciOiJSUzI1NiJ9.{}.c2lnbmF0dXJl\n", text);
}

}  // namespace

TEST_CASE("doctor: a token whose time has not come, or is over, is told by this machine's clock") {
  CHECK(check_token_time(token(R"({"iat":1799999000,"nbf":1799999000,"exp":1800003600,"x":"??>>~~"})"),
                         kNow) == std::nullopt);
  CHECK(check_token_time(token(R"({"nbf":1800000030,"exp":1800003600})"), kNow) == std::nullopt);
  const auto early = check_token_time(token(R"({"nbf":1800000300,"exp":1800003600})"), kNow);
  REQUIRE(early);
  CHECK(early->state == State::fail);
  CHECK(contains(early->finding,
                 "valid from 2027-01-15T08:05:00Z on, and this machine's clock says 2027-01-15T08:00:00Z"));
  const auto late = check_token_time(token(R"({"iat":1799000000,"exp":1799999000})"), kNow);
  REQUIRE(late);
  CHECK(contains(late->finding, "valid until 2027-01-15T07:43:20Z"));
}

TEST_CASE("doctor: what is no token with times is passed over") {
  for (const char* text : {"", "abc", "a.b.c", "a.e30.c", "..", "a.W10.c", "a.eyJuYmYiOiJ4In0.c"})
    CHECK(check_token_time(text, kNow) == std::nullopt);
  CHECK(check_token_time(token(R"({"nbf":-5,"iat":9e300,"exp":99999999999999})"), kNow) == std::nullopt);
}

TEST_CASE("doctor: a clock that differs from the API server's by more than a minute is told") {
  CHECK(check_clock(kNow, kNow + seconds(59)).state == State::ok);
  CHECK(check_clock(kNow, kNow - seconds(59)).state == State::ok);
  CHECK(contains(check_clock(kNow, kNow + seconds(61)).finding, "is 61 s ahead of the API server's"));
  const Finding behind = check_clock(kNow, kNow - seconds(7200));
  CHECK(behind.state == State::warn);
  CHECK(contains(behind.finding, "is 7200 s behind the API server's"));
}
