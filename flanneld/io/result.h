// A value, or the reason why there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace flanneld {

/// What a caller may have to tell apart.
enum class Failure : uint8_t {
  other,
  too_long,  ///< the answer has more bytes than were allowed
  outdated,  ///< what was asked for is no longer kept
};

template <class T>
class Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a value is a result
  Result(T value) : value_(std::move(value)) {}
  static Result failure(const std::string& reason, Failure kind = Failure::other) {
    Result result;
    result.reason_ = reason;
    result.kind_ = kind;
    return result;
  }

  explicit operator bool() const { return value_.has_value(); }
  /// Only if there is a value.
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  /// Empty if there is a value.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] Failure kind() const { return kind_; }

 private:
  Result() = default;

  std::optional<T> value_;
  std::string reason_;
  Failure kind_ = Failure::other;
};

}  // namespace flanneld
