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

}  // namespace flanneld
