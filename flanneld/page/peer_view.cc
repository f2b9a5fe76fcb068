#include "flanneld/page/peer_view.h"

#include <fmt/format.h>

namespace flanneld::page {

const char* css_class(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "good";
    case Tone::unsure:
      return "unsure";
    case Tone::limited:
      return "limited";
    case Tone::bad:
      return "bad";
  }
  return "";
}

std::string duration_text(std::chrono::seconds duration) {
  constexpr int64_t kTwoDays = 172800;
  const auto seconds = std::max<int64_t>(0, duration.count());
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  if (seconds < kTwoDays) return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{} days", seconds / 86400);
}

}  // namespace flanneld::page
