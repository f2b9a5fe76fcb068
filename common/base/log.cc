#include "common/base/log.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/base/log_form.h"
#include "common/base/log_limiter.h"
#include "common/base/log_observer.h"
#include "common/base/printable.h"
#include "common/base/time_text.h"

namespace base {
namespace {

/// Bytes; what others say may be of any length. The whole line must fit into what a pipe takes at once
/// (4096).
constexpr size_t kMaxLine = 4000;

LogLevel most_logged = LogLevel::info;
const LogObserver* observer = nullptr;
LogForm log_form = nullptr;  // "<time> <level> <text>", and for the journal the text alone

struct LevelName {
  const char* name;
  const char* journal;
};
constexpr std::array<LevelName, 4> kLevels{
    {{"error", "<3>"}, {"warning", "<4>"}, {"info", "<6>"}, {"debug", "<7>"}}};

/// Whether stderr leads to systemd's journal: then JOURNAL_STREAM, "device:inode", names it. A program whose
/// stderr was redirected inherits the variable nevertheless.
bool is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream && ::fstat(STDERR_FILENO, &status) == 0 &&
         fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

std::string timestamp() {
  return time_text(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()));
}

/// Whether stderr takes a line without making the daemon wait for whoever reads it.
bool has_room() {
  pollfd poll{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&poll, 1, 0) == 1 && (poll.revents & POLLOUT) != 0;
}

void write_line(LogLevel level, std::string_view text) {
  const LevelName& name = kLevels.at(static_cast<size_t>(level));
  std::string shown = printable(text.substr(0, kMaxLine));
  if (observer && level != LogLevel::debug) observer->take(level, shown);
  if (text.size() > kMaxLine) shown += " …";
  const bool to_journal = is_journal();
  const std::string line = fmt::format("{}{}\n", to_journal ? name.journal : "",
                                       log_form     ? log_form(timestamp(), name.name, shown)
                                       : to_journal ? shown
                                                    : fmt::format("{} {} {}", timestamp(), name.name, shown));
  // A log that cannot be written must not stop the daemon.
  if (!has_room()) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void write_lines(const std::vector<LogLine>& lines) {
  for (const LogLine& line : lines) write_line(line.level, line.text);
}

LogLimiter& limiter() {
  static LogLimiter limiter;
  return limiter;
}

}  // namespace

LogObserver::LogObserver(Take take) : take_(std::move(take)) { observer = this; }

LogObserver::~LogObserver() {
  if (observer == this) observer = nullptr;
}

void set_log_level(LogLevel most) { most_logged = most; }

void set_log_form(LogForm form) { log_form = form; }

void log(LogLevel level, std::string_view text) {
  if (level > most_logged) return;
  write_lines(limiter().admit(level, text, std::chrono::steady_clock::now()));
}

void log_due_counts() { write_lines(limiter().due(std::chrono::steady_clock::now())); }

void log_all_counts() { write_lines(limiter().rest()); }

}  // namespace base
