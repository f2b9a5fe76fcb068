// Hashes that give names to things. None of them is for secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

inline constexpr uint32_t kFnv32Start = 2166136261U;
inline constexpr uint64_t kFnv64Start = 14695981039346656037U;

/// FNV-1a. To hash several pieces as if they were one text, pass each result as the next `start`; to get
/// another hash of the same text, begin with another `start`.
constexpr uint32_t fnv1a_32(std::string_view bytes, uint32_t start = kFnv32Start) {
  for (const char c : bytes) start = (start ^ static_cast<unsigned char>(c)) * 16777619U;
  return start;
}
constexpr uint64_t fnv1a_64(std::string_view bytes, uint64_t start = kFnv64Start) {
  for (const char c : bytes) start = (start ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return start;
}

/// SHA-512 as 128 lower case hex digits.
std::string sha512_hex(std::string_view bytes);

}  // namespace base
