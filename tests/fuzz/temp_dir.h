// A directory in memory for decoders of files, emptied before each input.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"

namespace fuzz {

class TempDir : public test::TempDir {
 public:
  TempDir() : test::TempDir("/dev/shm/flannel-fuzz-XXXXXX") {}

  /// Makes the directory `name` anew.
  std::string fresh(const std::string& name) const {
    std::string fresh_path = path() + "/" + name;
    std::filesystem::remove_all(fresh_path);
    std::filesystem::create_directory(fresh_path);
    return fresh_path;
  }
};

/// Puts a file into an open directory, as whoever shares it might: `kind` 'f' a file of these bytes, 'l' a
/// link to such a path, 'd' a directory, 'p' a FIFO, 's' a file larger than anything that is read. Impossible
/// names are passed over.
inline void put_entry(int dir_fd, char kind, const std::string& name, std::string_view bytes) {
  if (name.empty() || name.find('/') != std::string::npos) return;
  if (kind == 'l') {
    [[maybe_unused]] const int ignored = ::symlinkat(std::string(bytes).c_str(), dir_fd, name.c_str());
  } else if (kind == 'd') {
    ::mkdirat(dir_fd, name.c_str(), 0755);
  } else if (kind == 'p') {
    ::mkfifoat(dir_fd, name.c_str(), 0644);
  } else {
    const base::UniqueFd fd(
        ::openat(dir_fd, name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (!fd.valid()) return;
    base::write_all(fd.get(), bytes, name);
    if (kind == 's') [[maybe_unused]]
      const int ignored = ::ftruncate(fd.get(), 64 << 20);
  }
}

/// Puts entries "<kind><name>\n<bytes>\0" as long as there are any.
inline void put_entries(int dir_fd, std::string_view input) {
  while (!input.empty()) {
    std::string_view entry = input.substr(0, input.find('\0'));
    input.remove_prefix(std::min(entry.size() + 1, input.size()));
    const std::string_view head = entry.substr(0, entry.find('\n'));
    entry.remove_prefix(std::min(head.size() + 1, entry.size()));
    if (!head.empty()) put_entry(dir_fd, head[0], std::string(head.substr(1)), entry);
  }
}

}  // namespace fuzz
