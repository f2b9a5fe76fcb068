// The words of a command line, one a line; those that begin with FLANNELD_ are the environment; an empty
// line, and then the file of --config.
#include "flanneld/options/options.h"

#include <string>
#include <vector>

#include "flanneld/options/config_file.h"
#include "flanneld/options/flags.h"
#include "tests/fuzz/decoders.h"

void fuzz::options(std::string_view input) {
  std::vector<std::string> words;
  flanneld::Environment environment;
  while (!input.empty()) {
    const std::string line(cut(input, '\n'));
    if (line.empty()) break;
    const size_t equals = line.find('=');
    if (line.starts_with("FLANNELD_") && equals != std::string::npos)
      environment[line.substr(0, equals)] = line.substr(equals + 1);
    else
      words.push_back(line);
  }
  words.insert(words.begin(), "--config=/etc/flanneld.yaml");
  try {
    const auto options =
        flanneld::parse_options(words, environment, [&](const std::string&) { return std::string(input); });
    if (options.help || options.version) return;
    promise(!options.etcd_endpoints.empty(), "there is a server to ask");
    promise(options.etcd_username.empty() == options.etcd_password.empty(), "a user has a password");
    for (const std::string& setting : options.settings)
      promise(!setting.starts_with("etcd-password") || setting.starts_with("etcd-password=*** ("),
              "no password is shown");
  } catch (const flanneld::UsageError&) {
  }
}
