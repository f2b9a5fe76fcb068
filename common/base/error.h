// The errors of the lower layers. They say what was being done, to which object, and what the
// system answered; the program's edge decides how to show them.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace base {

/// A failed system call. what() reads "<doing>: <strerror>"; code() holds errno.
class SystemError : public std::system_error {
 public:
  SystemError(int error_number, const std::string& doing);
  [[nodiscard]] int error_number() const { return code().value(); }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// A change or question that the kernel's network stack refused, as opposed to failed input or output.
class KernelError : public SystemError {
 public:
  using SystemError::SystemError;
};

/// Bytes from outside that do not have the form they must have.
class ParseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bytes of the right form that hold a value which cannot be used, such as a number out of range.
class ValueError : public ParseError {
 public:
  using ParseError::ParseError;
};

/// Throws SystemError for the current errno.
[[noreturn]] void throw_errno(const std::string& doing);

/// The system's text for `error_number`, for example "No such file or directory".
std::string errno_text(int error_number);

}  // namespace base
