// The file of --config: YAML, or JSON, which is a part of it. It holds flags by their names and the keys of
// the network configuration. Upper and lower case are the same.
#pragma once

#include <string>

#include "flanneld/options/flags.h"

namespace flanneld {

struct ConfigFile {
  FlagValues flags;
  std::string network_config;  ///< its keys of the network configuration, as a JSON object; empty: none
};

/// Throws UsageError naming `path` and the line of what it does not understand.
ConfigFile parse_config_file(const std::string& text, const std::string& path);

}  // namespace flanneld
