// Text for people in columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flanneld {

using Row = std::vector<std::string>;

/// Rows in columns, two spaces apart; the last is not padded.
std::string columns(const std::vector<Row>& rows);

/// Of seconds that are left: "12 s", "3 min", "23 h 5 min", "over".
std::string duration(int64_t left);

}  // namespace flanneld
