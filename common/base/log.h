// Log lines on stderr, for daemons. Libraries throw or return; only a program's edge logs.
#pragma once

#include <string_view>

namespace base {

enum class LogLevel { error, warning, info, debug };

/// Lines above `most` are dropped. Default: info.
void set_log_level(LogLevel most);

/// Writes one line, "<time> <level> <text>". When stderr is systemd's journal, which adds the time, the line
/// is "<N>text" with the level as a number (sd-daemon(3)). Control characters become spaces, so that no input
/// can forge a line; text beyond 4000 bytes is cut off. The same line is written once a minute, further ones
/// are counted; 200 different ones may come at once, and one each second (log_limiter.h). Never blocks: a
/// line that stderr does not take now is lost.
void log(LogLevel level, std::string_view text);

/// Writes how often lines came that were held back for a minute. To be called about that often.
void log_due_counts();
/// Likewise for all of them, at the end of the program.
void log_all_counts();

inline void log_error(std::string_view text) { log(LogLevel::error, text); }
inline void log_warning(std::string_view text) { log(LogLevel::warning, text); }
inline void log_info(std::string_view text) { log(LogLevel::info, text); }
inline void log_debug(std::string_view text) { log(LogLevel::debug, text); }

}  // namespace base
