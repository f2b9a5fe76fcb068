#include "flanneld/io/flap_log.h"

#include <utility>

namespace flanneld {

std::vector<base::LogLine> admit_flap(base::LogLimiter& limiter, base::LogLine line, std::string_view about,
                                      base::LogLimiter::Time now) {
  std::vector<base::LogLine> lines = limiter.admit(line.level, about, now);
  const bool is_admitted = !lines.empty() && lines.back() == base::LogLine{line.level, std::string(about)};
  if (is_admitted) lines.back() = std::move(line);
  return lines;
}

void FlapLog::log(base::LogLevel level, std::string_view about, std::string_view text) {
  for (const base::LogLine& line :
       admit_flap(limiter_, {level, std::string(text)}, about, std::chrono::steady_clock::now()))
    base::log(line.level, line.text);
}

}  // namespace flanneld
