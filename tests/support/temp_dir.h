// A directory of a test's own, removed when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "common/base/error.h"

namespace test {

class TempDir {
 public:
  /// `pattern` is mkdtemp's: a path that ends in XXXXXX. Throws base::SystemError.
  explicit TempDir(std::string pattern = "/tmp/flannel-test-XXXXXX") : path_(std::move(pattern)) {
    if (!::mkdtemp(path_.data())) base::throw_errno("make a temporary directory");
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace test
