#include "common/base/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace base {

SystemError::SystemError(int error_number, const std::string& doing)
    : std::system_error(error_number, std::system_category()),
      text_(fmt::format("{}: {}", doing, errno_text(error_number))) {}

void throw_errno(const std::string& doing) { throw SystemError(errno, doing); }

std::string errno_text(int error_number) {
  char buffer[128];
  return strerror_r(error_number, buffer, sizeof buffer);  // GNU form: returns the text
}

}  // namespace base
