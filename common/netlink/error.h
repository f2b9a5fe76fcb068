// A request that the kernel refused.
#pragma once

#include <fmt/format.h>

#include <string>

#include "common/base/error.h"

namespace netlink {

/// what() reads "<doing>: <strerror>[: <the kernel's own explanation>]".
class NetlinkError : public base::KernelError {
 public:
  NetlinkError(int error_number, const std::string& doing, const std::string& kernel_text)
      : KernelError(error_number, doing), text_(KernelError::what()) {
    if (!kernel_text.empty()) text_ = fmt::format("{}: {}", text_, kernel_text);
  }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

}  // namespace netlink
