// An unsigned number of 128 bits: what an IPv6 address is. The compiler's own exists on 64-bit machines only.
#pragma once

#include <compare>
#include <cstdint>

namespace base {

/// Results are modulo 2^128, as for every unsigned type.
struct Uint128 {
  uint64_t high = 0, low = 0;

  constexpr Uint128() = default;
  constexpr Uint128(uint64_t number) : low(number) {}  // implicit, as between the built-in types
  constexpr Uint128(uint64_t upper, uint64_t lower) : high(upper), low(lower) {}

  auto operator<=>(const Uint128&) const = default;
};

constexpr Uint128 operator+(const Uint128& a, const Uint128& b) {
  const uint64_t low = a.low + b.low;
  return {a.high + b.high + (low < a.low ? 1 : 0), low};
}

constexpr Uint128 operator-(const Uint128& a, const Uint128& b) {
  return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
}

constexpr Uint128 operator<<(const Uint128& a, unsigned bits) {
  if (bits == 0) return a;
  if (bits >= 128) return 0;
  if (bits >= 64) return {a.low << (bits - 64), 0};
  return {a.high << bits | a.low >> (64 - bits), a.low << bits};
}

constexpr Uint128 operator>>(const Uint128& a, unsigned bits) {
  if (bits == 0) return a;
  if (bits >= 128) return 0;
  if (bits >= 64) return {0, a.high >> (bits - 64)};
  return {a.high >> bits, a.low >> bits | a.high << (64 - bits)};
}

constexpr Uint128 operator&(const Uint128& a, const Uint128& b) { return {a.high & b.high, a.low & b.low}; }
constexpr Uint128 operator|(const Uint128& a, const Uint128& b) { return {a.high | b.high, a.low | b.low}; }
constexpr Uint128 operator~(const Uint128& a) { return {~a.high, ~a.low}; }

}  // namespace base
