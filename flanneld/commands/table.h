// Text for people in columns.
#pragma once

#include <string>
#include <vector>

namespace flanneld {

using Row = std::vector<std::string>;

/// Rows in columns, two spaces apart; the last is not padded.
std::string columns(const std::vector<Row>& rows);

}  // namespace flanneld
