#include "cni-flannel/bandwidth/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/hash.h"
#include "common/cni/error.h"

namespace flannel::bandwidth {
namespace {

constexpr uint64_t kBitsPerByte = 8;
constexpr uint64_t kLatencyDivisor = 40;  // a packet waits for 25 ms at most: a second's fortieth
constexpr size_t kMaxName = 15;           // IFNAMSIZ without the NUL

constexpr const char* kKeys[] = {"ingressRate", "ingressBurst", "egressRate", "egressBurst"};

/// Larger numbers than the kernel has room for count as the largest.
uint32_t saturated(uint64_t number) { return static_cast<uint32_t>(std::min<uint64_t>(number, UINT32_MAX)); }

uint64_t parse_number(const json::Value& object, const char* key, const char* where) {
  return static_cast<uint64_t>(json::get_integer(object, key, where, 0, INT64_MAX).value_or(0));
}

void check(const Limit& limit, const char* direction) {
  const auto fail = [&](const char* message) {
    throw cni::Error(cni::ErrorCode::invalid_config, message,
                     fmt::format("{}: rate {} bit/s, burst {} bit", direction, limit.rate, limit.burst));
  };
  if (limit.rate == 0 && limit.burst != 0) fail("if burst is set, rate must also be set");
  if (limit.rate != 0 && limit.burst == 0) fail("if rate is set, burst must also be set");
  if (limit.burst / kBitsPerByte >= UINT32_MAX) fail("burst cannot be more than 4GB");
}

Limits parse_object(const json::Value& object, const char* where) {
  const Limits limits{
      .ingress = {parse_number(object, kKeys[0], where), parse_number(object, kKeys[1], where)},
      .egress = {parse_number(object, kKeys[2], where), parse_number(object, kKeys[3], where)}};
  check(limits.ingress, "ingress");
  check(limits.egress, "egress");
  return limits;
}

}  // namespace

Limits parse_limits(const cni::Request& request) {
  const bool has_own = std::any_of(std::begin(kKeys), std::end(kKeys), [&](const char* key) {
    return json::find(request.config, key) != nullptr;
  });
  return has_own ? parse_object(request.config, "") : parse_runtime_limits(request);
}

Limits parse_runtime_limits(const cni::Request& request) {
  const json::Value& runtime = json::get_object(request.config, "runtimeConfig", "");
  return parse_object(json::get_object(runtime, "bandwidth", "runtimeConfig"), "runtimeConfig.bandwidth");
}

netlink::TokenBucket make_token_bucket(const Limit& limit) {
  constexpr uint64_t kMicrosecond = 1000, kSecond = 1'000'000;
  const uint64_t rate = std::max<uint64_t>(limit.rate / kBitsPerByte, 1), burst = limit.burst / kBitsPerByte;
  const uint64_t lasts = burst * kSecond / rate;  // microseconds; burst is below 2^32
  const uint64_t ticks = lasts * kMicrosecond / netlink::kTick;
  return {.rate = rate,
          .limit = saturated(rate / kLatencyDivisor + burst),
          .buffer = saturated(ticks),
          .burst = ticks > UINT32_MAX ? static_cast<uint32_t>(burst) : 0};
}

std::string ifb_name(const std::string& network, const std::string& container_id) {
  const std::string hash = base::sha512_hex(fmt::format("{}{}", network, container_id));
  return fmt::format("{}{}", kIfbPrefix, hash).substr(0, kMaxName);
}

std::string ifb_name(const cni::Request& request) {
  return ifb_name(request.network, request.attachment.container_id);
}

}  // namespace flannel::bandwidth
