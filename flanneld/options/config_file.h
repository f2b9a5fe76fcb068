// The file of --config: YAML, of which JSON is a part. It holds flags by their names and the keys of
// the network configuration, all in any case.
#pragma once

#include <string>

#include "flanneld/options/flags.h"

namespace flanneld {

struct ConfigFile {
  FlagValues flags;
  std::string network_config;  ///< the network configuration's keys as a JSON object; empty: none given
};

/// Throws UsageError naming the file and the line for anything that it does not understand.
ConfigFile parse_config_file(const std::string& text, const std::string& path);

}  // namespace flanneld
