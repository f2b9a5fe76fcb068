// A value, or the reason why there is none.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace flanneld {

template <class T>
class Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a value is a result
  Result(T value) : value_(std::move(value)) {}
  static Result failure(const std::string& reason) {
    Result result;
    result.reason_ = reason;
    return result;
  }

  explicit operator bool() const { return value_.has_value(); }
  /// Only if there is a value.
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  /// Empty if there is a value.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  Result() = default;

  std::optional<T> value_;
  std::string reason_;
};

}  // namespace flanneld
