// Log lines for programs that read them.
#pragma once

#include <string>
#include <string_view>

namespace flanneld {

/// {"time":"2026-11-24T15:04:05.678Z","level":"info","message":"…"}; a base::LogForm.
std::string json_log_line(std::string_view time, std::string_view level, std::string_view text);

}  // namespace flanneld
