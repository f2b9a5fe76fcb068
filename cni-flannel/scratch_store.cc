#include "cni-flannel/scratch_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "cni-flannel/conf.h"
#include "cni-flannel/pod/ipam.h"
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
constexpr const char* kMark = "user.flannel.ifname";  // an extended attribute: the text is upstream's
/// Of the directory: the boot in which its files were judged. Unlike the stamp in /run, which is for file
/// systems without such attributes, it outlives a /run that somebody empties: files made while the clock was
/// set back would then seem older than the boot.
constexpr const char* kSweptMark = "user.flannel.boot";
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

/// A regular file with one name only: not a second name of an attachment's own file.
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
  return is_built_in(types.delegate) && Ipam::is_of_our_store(types.ipam);
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

}  // namespace

/// The interface whose file has upstream's name, by the mark that save() sets; empty if it has none: upstream
/// wrote it, or the file system keeps no marks.
std::string ScratchStore::marked_ifname(const std::string& name) const {
  char value[64];
  const ssize_t length =
      ::lgetxattr(fmt::format("{}/{}", directory_, name).c_str(), kMark, value, sizeof value);
  return length > 0 ? std::string(value, static_cast<size_t>(length)) : std::string();
}

/// The name of the attachment's file; empty if it has none. A file with upstream's name and no mark is of the
/// attachment when it is of its network.
std::string ScratchStore::name_of(int dir_fd, const cni::Attachment& attachment) const {
  const std::string& shared = attachment.container_id;
  const std::string ifname = marked_ifname(shared);
  if (!ifname.empty() && ifname == attachment.ifname) return shared;
  std::string own = own_name(attachment);
  if (::faccessat(dir_fd, own.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return own;
  if (!ifname.empty() || !is_single(dir_fd, shared)) return {};
  const StoredConfig stored = read_config(dir_fd, shared);
  const bool of_network = !stored.config || json::get_string(*stored.config, "name", "") == network_;
  return of_network ? shared : "";
}

bool ScratchStore::save(const cni::Attachment& attachment, const json::Value& config) {
  return cni::with_context(fmt::format("save scratch file in '{}'", directory_), [&] {
    const base::UniqueFd dir = base::make_directory(directory_, kDirectoryMode);
    const std::string text = serialise(config);
    const std::string& shared = attachment.container_id;
    if (base::create_file_at(dir.get(), shared, text, kFileMode)) {
      // Where it cannot be set, the file counts as one of upstream's.
      ::lsetxattr(fmt::format("{}/{}", directory_, shared).c_str(), kMark, attachment.ifname.data(),
                  attachment.ifname.size(), 0);
      return true;
    }
    if (!name_of(dir.get(), attachment).empty()) return false;
    return base::create_file_at(dir.get(), own_name(attachment), text, kFileMode);
  });
}

bool ScratchStore::is_swept(const ipam::Machine& machine, const std::string& boot_id) const {
  char value[64];
  const ssize_t length = ::getxattr(directory_.c_str(), kSweptMark, value, sizeof value);
  if (length > 0 && std::string_view(value, static_cast<size_t>(length)) == boot_id) return true;
  const std::string stamp = fmt::format("{}/{}", machine.state_directory, stamp_name(directory_));
  return base::read_file(stamp, sizeof value, base::Links::refuse) == boot_id;
}

void ScratchStore::take_back_dead(const ipam::Machine& machine) noexcept try {
  const std::string boot_id = machine.boot_id();
  const std::string name = stamp_name(directory_);
  if (boot_id.empty() || name.empty() || is_swept(machine, boot_id)) return;
  const base::UniqueFd state = base::make_directory(machine.state_directory, 0755);
  // Who comes meanwhile waits, so that what it saves is not judged.
  const auto lock = base::FileLock::acquire(state.get(), name, 0600, kSweepTimeout);
  if (is_swept(machine, boot_id)) return;
  const base::UniqueFd dir = base::make_directory(directory_, kDirectoryMode);
  if (const auto boot = machine.boot_time()) remove_older(dir.get(), *boot - base::kBootMargin);
  ::fsetxattr(dir.get(), kSweptMark, boot_id.data(), boot_id.size(), 0);  // not every file system can
  const base::UniqueFd file(::openat(state.get(), name.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  base::write_all(file.get(), boot_id, base::quoted(name));
} catch (...) {  // the next call tries again
}

bool ScratchStore::has_attachments(const ipam::Machine& machine) const {
  const base::UniqueFd dir = base::open_directory(directory_);
  if (!dir.valid()) return false;
  const auto boot = is_swept(machine, machine.boot_id()) ? std::nullopt : machine.boot_time();
  const int64_t oldest = boot ? *boot - base::kBootMargin : 0;
  const auto names = base::list_directory(dir.get());
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (age_of(dir.get(), name, oldest) != Age::of_this_boot) return false;
    const StoredConfig stored = read_config(dir.get(), name);
    return stored.config && json::get_string(*stored.config, "name", "") == network_;
  });
}

void ScratchStore::replace(const cni::Attachment& attachment, const json::Value& config) {
  // Twice: behind a file of the attachment's own may be a torn one with upstream's name.
  remove(attachment);
  if (save(attachment, config)) return;
  remove(attachment);
  save(attachment, config);
}

std::optional<json::Value> ScratchStore::load(const cni::Attachment& attachment) {
  return cni::with_context(fmt::format("read scratch file in '{}'", directory_),
                           [&]() -> std::optional<json::Value> {
                             const base::UniqueFd dir = base::open_directory(directory_);
                             if (!dir.valid()) return std::nullopt;
                             return read_config(dir.get(), name_of(dir.get(), attachment)).config;
                           });
}

void ScratchStore::remove(const cni::Attachment& attachment) {
  cni::with_context(fmt::format("remove scratch file in '{}'", directory_), [&] {
    const base::UniqueFd dir = base::open_directory(directory_);
    if (!dir.valid()) return;
    const std::string own = own_name(attachment);
    // Earlier versions gave one file both names.
    std::string name = name_of(dir.get(), attachment);
    if (name == own && same_file(dir.get(), own, attachment.container_id)) name = attachment.container_id;
    if (!name.empty()) remove_file(dir.get(), name);
    remove_file(dir.get(), own);
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
      if (is_single(dir.get(), name)) attachments.push_back({id, marked_ifname(name)});
    } else if (cni::ifname_problem(name.substr(colon + 1)).empty()) {
      attachments.push_back({id, name.substr(colon + 1)});
    }
  }
  return attachments;
}

}  // namespace flannel
