// Log lines on stderr, for daemons. Libraries throw or return; only a program's edge logs.
#pragma once

#include <string_view>

namespace base {

enum class LogLevel { error, warning, info, debug };

/// Lines above `most` are dropped. Default: info.
void set_log_level(LogLevel most);

/// One line, "<time> <level> <text>"; under systemd's journal, which knows the time, "<N>text" with its
/// level (sd-daemon(3)). Control characters in the text are replaced, so that no input can forge a line, and
/// what is behind 4096 bytes is left out.
void log(LogLevel level, std::string_view text);

inline void log_error(std::string_view text) { log(LogLevel::error, text); }
inline void log_warning(std::string_view text) { log(LogLevel::warning, text); }
inline void log_info(std::string_view text) { log(LogLevel::info, text); }
inline void log_debug(std::string_view text) { log(LogLevel::debug, text); }

}  // namespace base
