#include "flanneld/io/json_log.h"

#include <nlohmann/json.hpp>

namespace flanneld {

std::string json_log_line(std::string_view time, std::string_view level, std::string_view text) {
  const nlohmann::ordered_json line{{"time", time}, {"level", level}, {"message", text}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace flanneld
