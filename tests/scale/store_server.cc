#include "tests/scale/store_server.h"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "common/base/error.h"

namespace scale {

void StoreServer::start() {
  std::vector<char*> arguments;
  for (std::string& one : command_) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, arguments[0], nullptr, nullptr, arguments.data(), environ);
  if (error != 0) throw base::SystemError(error, fmt::format("start {}", command_[0]));
}

void StoreServer::kill() {
  if (pid_ == 0) return;
  past_cpu_ms_ += live_cpu_ms();
  past_peak_kb_ = peak_kb();
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

uint64_t StoreServer::cpu_ms() const { return past_cpu_ms_ + live_cpu_ms(); }
uint64_t StoreServer::peak_kb() const { return std::max(past_peak_kb_, live_peak_kb()); }

std::string StoreServer::proc(const char* file) const {
  if (pid_ == 0) return {};
  std::ifstream in(fmt::format("/proc/{}/{}", pid_, file));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

uint64_t StoreServer::live_cpu_ms() const {
  const std::string stat = proc("stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(name_end + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // state is the first behind the name, utime the 12th
  uint64_t user = 0, kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) * 1000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
}

uint64_t StoreServer::live_peak_kb() const {
  const std::string status = proc("status");
  constexpr std::string_view kField = "VmHWM:";
  const size_t at = status.find(kField);
  return at == std::string::npos ? 0 : std::stoull(status.substr(at + kField.size()));
}

}  // namespace scale
