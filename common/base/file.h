// Files and directories. Paths are taken as given; callers check names that come from outside before they
// become part of a path.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.h"

namespace base {

/// What to do with a symbolic link as the last component of a path.
enum class Links { follow, refuse };

/// The whole content of `path`; nullopt if there is no such file.
/// Throws SystemError: with EFBIG when the file is longer than `max_bytes`, with ELOOP for a link that
/// `links` refuses.
std::optional<std::string> read_file(const std::string& path, size_t max_bytes, Links links = Links::follow);

/// As read_file, relative to an open directory; never follows a link and never blocks on a FIFO.
/// A name that is not a regular file counts as absent.
std::optional<std::string> read_file_at(int dir_fd, const std::string& name, size_t max_bytes);

/// All bytes from `fd` to its end. Throws SystemError, with EFBIG past `max_bytes`.
std::string read_all(int fd, size_t max_bytes, const std::string& what);

/// Writes all of `bytes`, or throws SystemError.
void write_all(int fd, std::string_view bytes, const std::string& what);

/// Creates `name` in `dir_fd` complete or not at all; false if the name is taken.
/// The content is filled before the name exists, so a reader never sees a part of it.
bool create_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode);

/// Whether a change is on the disk when the call returns, or may be lost with the power.
enum class Durable { no, yes };

/// Replaces `name` in `dir_fd` so that a reader sees the old or the new bytes, never a mix.
void replace_file_at(int dir_fd, const std::string& name, std::string_view bytes, mode_t mode,
                     Durable durable = Durable::no);

/// Whether a file of this name is one that create_file_at() or replace_file_at() has not finished: their
/// caller is at work, or was killed.
[[nodiscard]] bool is_temporary_name(std::string_view name);

/// Removes the temporary files that a killed replace_file_at() of `name` left in `dir_fd`. Callers must keep
/// each other out: a replace_file_at() of `name` that is at work meanwhile would fail.
void remove_unfinished(int dir_fd, const std::string& name);

/// Replaces the file at `path`; see replace_file_at. The directory must exist.
void write_file_atomic(const std::string& path, std::string_view bytes, mode_t mode,
                       Durable durable = Durable::no);

/// Removes `name`; false if it was not there.
bool remove_file_at(int dir_fd, const std::string& name);

/// Opens a directory; an invalid descriptor if there is none.
UniqueFd open_directory(const std::string& path);

/// Opens a directory, making it and its parents first where absent.
UniqueFd make_directory(const std::string& path, mode_t mode);

/// Makes the directory that `path` is in, and its parents, where absent.
void make_parent_directory(const std::string& path, mode_t mode);

/// Calls `visit` with each name in a directory except "." and "..", in no order.
void for_each_name(int dir_fd, const std::function<void(std::string_view)>& visit);

/// The names that for_each_name() visits.
std::vector<std::string> list_directory(int dir_fd);

}  // namespace base
