// The one error that reaches a CNI caller, and the codes of CNI spec 1.1.0, section 5 ("Error").
#pragma once

#include <fmt/format.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cni {

enum class ErrorCode : unsigned {
  incompatible_version = 1,
  unsupported_field = 2,
  unknown_container = 3,  ///< tells the runtime that no DEL is needed; never used lightly
  invalid_environment = 4,
  io_failure = 5,
  decoding_failure = 6,
  invalid_config = 7,
  invalid_netns = 8,  ///< libcni's code for "CNI_NETNS is the plugin's own namespace"
  try_again_later = 11,
  not_available = 50,          ///< STATUS: ADD cannot be served
  not_available_limited = 51,  ///< STATUS: likewise, and containers that run may suffer
  // 100 and above are the plugin's own.
  kernel_refused = 100,   ///< netlink, sysctl or namespace operation failed
  conflict = 101,         ///< something of that name or address is there already
  check_failed = 102,     ///< CHECK found the attachment changed
  delegate_failed = 103,  ///< a delegate ended without an error object of its own
  internal = 999,         ///< what the reference uses for every failure without a code
};

/// What went wrong (`what()`), and in `details` the cause and what the operator should do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string details = {})
      : std::runtime_error(message), code_(code), details_(std::move(details)) {}
  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& details() const { return details_; }

 private:
  ErrorCode code_;
  std::string details_;
};

/// The code of a failed system call: try_again_later when the cause may pass by itself, else io_failure.
ErrorCode code_of(int error_number);

/// The exception that is being handled, whatever it is, as a CNI error. Call inside a catch block.
Error current_error();

/// "message: details" of an error, for joining into another one.
std::string one_line(const Error& error);

/// Runs `action`. A failure becomes an Error whose message begins with "<doing>: ".
template <class Action>
auto with_context(const std::string& doing, Action&& action) {
  try {
    return action();
  } catch (...) {
    const Error error = current_error();
    throw Error(error.code(), fmt::format("{}: {}", doing, error.what()), error.details());
  }
}

/// Runs several actions and reports the failures at the end: teardown must not stop at the first one.
class Attempts {
 public:
  /// Runs `action`; a failure is kept.
  template <class Action>
  void run(const std::string& doing, Action&& action) {
    try {
      action();
    } catch (...) {
      failures_.emplace_back(doing, current_error());
    }
  }
  [[nodiscard]] bool all_succeeded() const { return failures_.empty(); }
  /// Throws one Error that names every failure, with the code of the first.
  void throw_if_any() const;

 private:
  std::vector<std::pair<std::string, Error>> failures_;
};

}  // namespace cni
