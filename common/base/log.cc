#include "common/base/log.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <string>

namespace base {
namespace {

constexpr size_t kMaxLine = 4096;  // bytes; what others say may be of any length

LogLevel most_logged = LogLevel::info;

struct LevelName {
  const char* name;
  const char* journal;
};
constexpr std::array<LevelName, 4> kLevels{
    {{"error", "<3>"}, {"warning", "<4>"}, {"info", "<6>"}, {"debug", "<7>"}}};

bool is_journal() {
  static const bool answer = std::getenv("JOURNAL_STREAM") != nullptr;
  return answer;
}

/// "2026-11-24T15:04:05.678Z", RFC 3339.
std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string milliseconds = std::to_string(1000 + now.tv_nsec / 1'000'000);
  return std::string(text.data(), length) + "." + milliseconds.substr(1) + "Z";
}

}  // namespace

void set_log_level(LogLevel most) { most_logged = most; }

void log(LogLevel level, std::string_view text) {
  if (level > most_logged) return;
  const LevelName& name = kLevels.at(static_cast<size_t>(level));
  std::string line = is_journal() ? name.journal : timestamp() + " " + name.name + " ";
  for (const char one : text.substr(0, kMaxLine))
    line += static_cast<unsigned char>(one) < 0x20 || one == 0x7f ? ' ' : one;
  if (text.size() > kMaxLine) line += " …";
  line += '\n';
  // A log that cannot be written must not stop the daemon.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace base
