// The simulator: many agents' store clients in one process, against a real server that it starts and kills.
// Prints figures, one a line: WHAT|UNIT|VALUE. Usage:
//   scale_fleet NAME=VALUE... -- SERVER COMMAND...
// The names are those in read_settings(). With store=kube the command must end with this program itself as
//   scale_fleet kube-server PORT
// to which is added where its memory is.
#include <fmt/format.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/scale/etcd_side.h"
#include "tests/scale/fleet.h"
#include "tests/scale/kube_server.h"
#include "tests/scale/kube_side.h"

namespace {

using Settings = std::map<std::string, std::string, std::less<>>;

Settings read_settings(const std::vector<std::string>& arguments) {
  Settings settings{{"store", "etcd"}, {"endpoint", "http://192.168.1.250:2379"},
                    {"members", ""},   {"device", "eth0"},
                    {"away", "10"},    {"batch", "1"},
                    {"batches", "10"}, {"rest", "10"},
                    {"settle", "20"},  {"limit", "600"}};
  for (const std::string& one : arguments) {
    const size_t equals = one.find('=');
    const auto found = settings.find(one.substr(0, equals));
    if (equals == std::string::npos || found == settings.end())
      throw std::invalid_argument(fmt::format("'{}' is no setting", one));
    found->second = one.substr(equals + 1);
  }
  return settings;
}

uint32_t number(const Settings& settings, std::string_view name) {
  const std::string& text = settings.find(name)->second;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0)
    throw std::invalid_argument(fmt::format("{} must be a number from 1 on, not '{}'", name, text));
  return value;
}

/// Each member has two connections, and libcurl two descriptors of its own. The server inherits the limit.
void allow_descriptors(uint32_t members) {
  const rlim_t wanted = rlim_t{members} * 6 + 1000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return;
  limit = {wanted, std::max(wanted, limit.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    throw std::runtime_error(fmt::format("{} members need {} descriptors", members, wanted));
}

/// Completes the command of its server too.
std::unique_ptr<scale::StoreSide> make_side(const Settings& settings, scale::Meter& meter,
                                            std::vector<std::string>& command) {
  const std::string& endpoint = settings.find("endpoint")->second;
  if (settings.find("store")->second != "kube") return std::make_unique<scale::EtcdSide>(endpoint, meter);
  auto side = std::make_unique<scale::KubeSide>(endpoint, meter);
  command.push_back(fmt::format("{}", side->memory()));
  return side;
}

void run(const Settings& settings, std::vector<std::string> command) {
  scale::FleetOptions options;
  options.members = number(settings, "members");
  options.away = std::chrono::seconds(number(settings, "away"));
  options.batch = number(settings, "batch");
  options.batches = number(settings, "batches");
  options.rest = std::chrono::seconds(number(settings, "rest"));
  options.settle = std::chrono::seconds(number(settings, "settle"));
  options.limit = std::chrono::seconds(number(settings, "limit"));
  options.device = settings.find("device")->second;
  allow_descriptors(options.members);
  scale::Meter meter;
  const std::unique_ptr<scale::StoreSide> side = make_side(settings, meter, command);
  scale::StoreServer server(std::move(command));
  scale::Fleet fleet(options, server, *side, meter);
  fleet.join();
  fleet.rest();
  fleet.reboot();
  fleet.replace();
  fleet.outage(scale::Fleet::History::kept);
  fleet.outage(scale::Fleet::History::lost);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() == 3 && words[0] == "kube-server")
      scale::run_kube_server(std::stoi(words[2]), static_cast<uint16_t>(std::stoi(words[1])));
    std::vector<std::string> settings, command;
    bool is_command = false;
    for (int i = 1; i < argc; ++i) {
      if (!is_command && std::string_view(argv[i]) == "--")
        is_command = true;
      else
        (is_command ? command : settings).emplace_back(argv[i]);
    }
    if (command.empty()) throw std::invalid_argument("usage: scale_fleet NAME=VALUE... -- SERVER COMMAND...");
    run(read_settings(settings), command);
  } catch (const std::exception& error) {
    fmt::print(stderr, "scale_fleet: {}\n", error.what());
    return 1;
  }
}
