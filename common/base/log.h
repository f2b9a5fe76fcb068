// Log lines on stderr, for daemons. Libraries throw or return; only a program's edge logs.
#pragma once

#include <string_view>

namespace base {

enum class LogLevel { error, warning, info, debug };

/// Lines above `most` are dropped. Default: info.
void set_log_level(LogLevel most);

/// Writes one line, "<time> <level> <text>". When stderr is systemd's journal, which adds the time, the line
/// is "<N>text" with the level as a number (sd-daemon(3)). Control characters become spaces, so that no input
/// can forge a line; text beyond 4096 bytes is cut off.
void log(LogLevel level, std::string_view text);

inline void log_error(std::string_view text) { log(LogLevel::error, text); }
inline void log_warning(std::string_view text) { log(LogLevel::warning, text); }
inline void log_info(std::string_view text) { log(LogLevel::info, text); }
inline void log_debug(std::string_view text) { log(LogLevel::debug, text); }

}  // namespace base
