#include "flanneld/commands/doctor_clock.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "common/json/json.h"
#include "flanneld/io/base64.h"

namespace flanneld {
namespace {

using State = Finding::State;
using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr seconds kTolerance{60};  // as those allow that check tokens
constexpr int64_t kLastYear9999 = 253'402'300'799;
constexpr const char* kMendClock =
    "set the clock, and see that chrony or systemd-timesyncd keeps it (timedatectl)";

/// The second part of "header.claims.signature", decoded.
std::optional<json::Value> claims_of(const std::string& token) {
  const auto parts = base::split(base::trimmed(token), '.');
  if (parts.size() != 3) return std::nullopt;
  std::string text(parts[1]);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text.push_back('=');
  const auto decoded = base64_decode(text);
  if (!decoded) return std::nullopt;
  try {
    json::Value claims = json::parse(*decoded, "the token");
    return claims.is_object() ? std::optional(std::move(claims)) : std::nullopt;
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

std::optional<sys_seconds> time_of(const json::Value& claims, const char* claim) {
  try {
    const auto value = json::get_integer(claims, claim, "", 0, kLastYear9999);
    return value ? std::optional(sys_seconds(seconds(*value))) : std::nullopt;
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<Finding> check_token_time(const std::string& token, sys_seconds now) {
  constexpr const char* kName = "service account";
  const auto claims = claims_of(token);
  if (!claims) return std::nullopt;
  for (const char* claim : {"nbf", "iat"})
    if (const auto begin = time_of(*claims, claim); begin && *begin - now > kTolerance)
      return Finding{.state = State::fail,
                     .name = kName,
                     .finding = fmt::format("its token is valid from {} on, and this machine's clock says {}",
                                            base::time_text(*begin), base::time_text(now)),
                     .advice = kMendClock};
  if (const auto end = time_of(*claims, "exp"); end && now - *end > kTolerance)
    return Finding{.state = State::fail,
                   .name = kName,
                   .finding = fmt::format("its token was valid until {}, and this machine's clock says {}",
                                          base::time_text(*end), base::time_text(now)),
                   .advice =
                       "is the clock right (timedatectl)? Otherwise the kubelet does not renew it: see its "
                       "log, or delete the pod"};
  return std::nullopt;
}

Finding check_clock(sys_seconds server, sys_seconds now) {
  Finding finding{.state = State::ok, .name = "clock", .finding = "it agrees with the API server's"};
  const seconds ahead = now - server;
  if (std::chrono::abs(ahead) <= kTolerance) return finding;
  finding.state = State::warn;
  finding.finding = fmt::format(
      "this machine's is {} s {} the API server's: certificates and tokens may be refused as too new or too "
      "old",
      std::chrono::abs(ahead).count(), ahead.count() > 0 ? "ahead of" : "behind");
  finding.advice = kMendClock;
  return finding;
}

}  // namespace flanneld
