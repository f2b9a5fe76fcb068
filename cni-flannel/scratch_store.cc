#include "cni-flannel/scratch_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/bridge/ipam.h"
#include "cni-flannel/conf.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/file_lock.h"
#include "common/base/text.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr size_t kMaxFileBytes = 4 << 20;
constexpr std::chrono::seconds kSweepTimeout{10};  // thousands of files take less than one

std::string own_name(const cni::Attachment& attachment) {
  return fmt::format("{}:{}", attachment.container_id, attachment.ifname);
}

std::string serialise(const json::Value& config) {
  return config.dump(-1, ' ', false, json::Value::error_handler_t::replace);
}

/// nullopt if there is no such name.
std::optional<struct stat> stat_at(int dir_fd, const std::string& name) {
  struct stat status {};
  if (::fstatat(dir_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno != ENOENT) base::throw_errno(fmt::format("stat file {}", base::quoted(name)));
  return std::nullopt;
}

/// True if `a` and `b` are two names of one file.
bool same_file(int dir_fd, const std::string& a, const std::string& b) {
  const auto first = stat_at(dir_fd, a), second = stat_at(dir_fd, b);
  return first && second && first->st_ino == second->st_ino && first->st_dev == second->st_dev;
}

/// A file with one name only was written by upstream, or has lost its other name.
bool is_single(int dir_fd, const std::string& name) {
  const auto status = stat_at(dir_fd, name);
  return status && S_ISREG(status->st_mode) && status->st_nlink == 1;
}

/// Removes a file; a directory of that name is none of ours and stays.
void remove_file(int dir_fd, const std::string& name) {
  const auto status = stat_at(dir_fd, name);
  if (status && !S_ISDIR(status->st_mode)) base::remove_file_at(dir_fd, name);
}

struct StoredConfig {
  bool exists = false;
  std::optional<json::Value> config;  ///< nullopt for a torn file too: power was lost while it was written
};

/// As base::read_file_at; a file that is too long to be one of ours counts as torn.
std::optional<std::string> read_text(int dir_fd, const std::string& name) {
  try {
    return base::read_file_at(dir_fd, name, kMaxFileBytes);
  } catch (const base::SystemError& error) {
    if (error.error_number() != EFBIG) throw;
    return "";
  }
}

StoredConfig read_config(int dir_fd, const std::string& name) {
  if (name.empty()) return {};
  const auto text = read_text(dir_fd, name);
  if (!text) return {};
  try {
    json::Value config = json::parse(*text, "the scratch file");
    if (config.is_object()) return {true, std::move(config)};
  } catch (const base::ParseError&) {  // as good as none
  }
  return {true, std::nullopt};
}

/// The name of the file that tells in which boot the files of `directory` were judged; empty if that would be
/// too long.
std::string stamp_name(const std::string& directory) {
  constexpr size_t kMaxName = 200;
  const std::string name = base::path_as_name(directory);
  return name.size() > kMaxName ? "" : fmt::format("{}.swept", name);
}

/// What the file speaks of died with its boot. Other programs may keep theirs on the disk.
bool dies_at_reboot(const StoredConfig& stored) {
  if (!stored.config) return true;
  const PluginTypes types = types_of(*stored.config);
  return types.delegate == kBuiltInDelegate && Ipam::is_of_our_store(types.ipam);
}

enum class Age { of_earlier_boot, of_this_boot, no_file };

/// By its modification time; a file from while the clock was not set counts as one of this boot.
Age age_of(int dir_fd, const std::string& name, int64_t oldest) {
  const auto status = stat_at(dir_fd, name);
  if (!status || !S_ISREG(status->st_mode)) return Age::no_file;
  const int64_t modified = base::nanoseconds(status->st_mtim);
  return modified >= oldest || modified < base::kClockUnset ? Age::of_this_boot : Age::of_earlier_boot;
}

/// Removes files modified before `oldest` (ns).
void remove_older(int dir_fd, int64_t oldest) {
  for (const std::string& name : base::list_directory(dir_fd)) {
    try {
      if (age_of(dir_fd, name, oldest) == Age::of_earlier_boot && dies_at_reboot(read_config(dir_fd, name)))
        base::remove_file_at(dir_fd, name);
    } catch (const std::exception&) {  // stays
    }
  }
}

/// Gives the file upstream's name too, unless another attachment has that.
void link_upstream_name(int dir_fd, const cni::Attachment& attachment) {
  if (::linkat(dir_fd, own_name(attachment).c_str(), dir_fd, attachment.container_id.c_str(), 0) != 0 &&
      errno != EEXIST)
    base::throw_errno(fmt::format("link scratch file {}", base::quoted(attachment.container_id)));
}

}  // namespace

/// Upstream's name for the file, if that file is this attachment's; else empty. A file that upstream
/// wrote does not say for which interface; it is of this attachment when it is of its network.
std::string ScratchStore::upstream_name(int dir_fd, const cni::Attachment& attachment) const {
  const std::string& name = attachment.container_id;
  if (same_file(dir_fd, own_name(attachment), name)) return name;
  const bool has_own = ::faccessat(dir_fd, own_name(attachment).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  if (has_own || !is_single(dir_fd, name)) return {};
  const StoredConfig stored = read_config(dir_fd, name);
  const bool of_network = !stored.config || json::get_string(*stored.config, "name", "") == network_;
  return of_network ? name : "";
}

bool ScratchStore::save(const cni::Attachment& attachment, const json::Value& config) {
  return cni::with_context(fmt::format("save scratch file in '{}'", directory_), [&] {
    const base::UniqueFd dir = base::make_directory(directory_, kDirectoryMode);
    if (!base::create_file_at(dir.get(), own_name(attachment), serialise(config), kFileMode)) return false;
    try {
      link_upstream_name(dir.get(), attachment);
    } catch (...) {
      base::remove_file_at(dir.get(), own_name(attachment));
      throw;
    }
    return true;
  });
}

void ScratchStore::take_back_dead(const ipam::Machine& machine) noexcept try {
  const std::string boot_id = machine.boot_id();
  const std::string name = stamp_name(directory_);
  const std::string stamp = fmt::format("{}/{}", machine.state_directory, name);
  const auto is_done = [&] { return base::read_file(stamp, 64, base::Links::refuse) == boot_id; };
  if (boot_id.empty() || name.empty() || is_done()) return;
  const base::UniqueFd state = base::make_directory(machine.state_directory, 0755);
  // Who comes meanwhile waits, so that what it saves is not judged.
  const auto lock = base::FileLock::acquire(state.get(), name, 0600, kSweepTimeout);
  if (is_done()) return;
  const base::UniqueFd dir = base::open_directory(directory_);
  const auto boot = machine.boot_time();
  if (dir.valid() && boot) remove_older(dir.get(), *boot - base::kBootMargin);
  const base::UniqueFd file(::openat(state.get(), name.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  base::write_all(file.get(), boot_id, base::quoted(stamp));
} catch (...) {  // the next call tries again
}

bool ScratchStore::has_attachments(const ipam::Machine& machine) const {
  const base::UniqueFd dir = base::open_directory(directory_);
  if (!dir.valid()) return false;
  const auto boot = machine.boot_time();
  const int64_t oldest = boot ? *boot - base::kBootMargin : 0;
  const auto names = base::list_directory(dir.get());
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (age_of(dir.get(), name, oldest) != Age::of_this_boot) return false;
    const StoredConfig stored = read_config(dir.get(), name);
    return stored.config && json::get_string(*stored.config, "name", "") == network_;
  });
}

void ScratchStore::replace(const cni::Attachment& attachment, const json::Value& config) {
  remove(attachment);
  save(attachment, config);
}

std::optional<json::Value> ScratchStore::load(const cni::Attachment& attachment) {
  return cni::with_context(fmt::format("read scratch file in '{}'", directory_),
                           [&]() -> std::optional<json::Value> {
                             const base::UniqueFd dir = base::open_directory(directory_);
                             if (!dir.valid()) return std::nullopt;
                             if (auto own = read_config(dir.get(), own_name(attachment)); own.exists)
                               return own.config;
                             return read_config(dir.get(), upstream_name(dir.get(), attachment)).config;
                           });
}

void ScratchStore::remove(const cni::Attachment& attachment) {
  cni::with_context(fmt::format("remove scratch file in '{}'", directory_), [&] {
    const base::UniqueFd dir = base::open_directory(directory_);
    if (!dir.valid()) return;
    // Upstream's name goes first: what a crash in between leaves is still found under the own one.
    if (const std::string name = upstream_name(dir.get(), attachment); !name.empty())
      remove_file(dir.get(), name);
    remove_file(dir.get(), own_name(attachment));
  });
}

std::vector<cni::Attachment> ScratchStore::list() {
  std::vector<cni::Attachment> attachments;
  const base::UniqueFd dir = base::open_directory(directory_);
  if (!dir.valid()) return attachments;
  for (const std::string& name : base::list_directory(dir.get())) {
    const size_t colon = name.find(':');
    const std::string id = name.substr(0, colon);
    if (!cni::is_valid_identifier(id)) continue;
    if (colon == std::string::npos) {
      if (is_single(dir.get(), name)) attachments.push_back({id, ""});
    } else if (cni::ifname_problem(name.substr(colon + 1)).empty()) {
      attachments.push_back({id, name.substr(colon + 1)});
    }
  }
  return attachments;
}

}  // namespace flannel
