#include "flanneld/commands/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace flanneld {

std::string columns(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      const bool is_last = i + 1 == row.size();
      fmt::format_to(std::back_inserter(text), "{:<{}}{}", row[i], is_last ? 0 : widths[i],
                     is_last ? "\n" : "  ");
    }
  return text;
}

std::string duration(int64_t left) {
  if (left < 0) return "over";
  if (left < 60) return fmt::format("{} s", left);
  if (left < 3600) return fmt::format("{} min", left / 60);
  return fmt::format("{} h {} min", left / 3600, left % 3600 / 60);
}

}  // namespace flanneld
