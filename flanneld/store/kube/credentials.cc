#include "flanneld/store/kube/credentials.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/io/base64.h"
#include "flanneld/lease/clock.h"

namespace flanneld {
namespace {

using base::ParseError;
using std::chrono::seconds;

/// The kubelet puts a new token there long before the old one ends.
constexpr seconds kTokenAge(50);
constexpr seconds kExecLimit(30), kExecMargin(10);

std::string find_program(const std::string& command) {
  if (command.find('/') != std::string::npos) return command;
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : base::split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':')) {
    std::string candidate = fmt::format("{}/{}", folder, command);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return command;
}

}  // namespace

KubeCredentials::KubeCredentials(EventLoop& loop, const KubeAccess& access, FileReader read_file)
    : loop_(loop), access_(access), read_file_(std::move(read_file)), token_(access.token) {}

void KubeCredentials::prepare(Done done) {
  if (!access_.token_file.empty()) read_token();
  const bool has_expired = is_given_ && given_.expiration && *given_.expiration - kExecMargin < system_now();
  if (!access_.exec || (is_given_ && !has_expired)) return done("");
  waiting_.push_back(std::move(done));
  if (waiting_.size() == 1) run();
}

/// What cannot be read leaves the token as it was.
void KubeCredentials::read_token() {
  const auto now = EventLoop::Clock::now();
  if (token_read_ && now - *token_read_ < kTokenAge) return;
  try {
    const auto text = read_file_(access_.token_file);
    const std::string_view token = text ? base::trimmed(*text) : "";
    if (token.empty() || token.find_first_of("\r\n") != std::string_view::npos) return;
    token_ = token;
    token_read_ = now;
  } catch (const base::SystemError&) {
    return;
  }
}

void KubeCredentials::run() {
  const KubeExec& exec = *access_.exec;
  std::vector<std::string> variables = exec.environment;
  variables.push_back(fmt::format("KUBERNETES_EXEC_INFO={}", exec.info));
  base::ProcessSpec spec{.program = find_program(exec.command),
                         .arguments = exec.arguments,
                         .environment = base::environment_with(variables),
                         .input = {},
                         .timeout = kExecLimit,
                         .max_output_bytes = kMaxExecBytes};
  child_ =
      std::make_unique<Child>(loop_, std::move(spec), [this](const ChildResult& result) { take(result); });
}

void KubeCredentials::take(const ChildResult& result) {
  const KubeExec& exec = *access_.exec;
  const std::unique_ptr<Child> child = std::move(child_);  // lives until the end of this call
  std::string failure;
  if (!result.succeeded()) {
    failure = fmt::format("the program {}: {}", base::quoted(exec.command), result.reason());
    if (result.error_number != 0 && !exec.install_hint.empty())
      failure = fmt::format("{}; {}", failure, exec.install_hint);
  } else {
    try {
      given_ = parse_exec_credential(result.output, exec.api_version);
      is_given_ = true;
    } catch (const ParseError& error) {
      failure = fmt::format("the program {}: {}", base::quoted(exec.command), error.what());
    }
  }
  for (const Done& done : std::exchange(waiting_, {})) done(failure);
}

std::vector<std::string> KubeCredentials::headers() const {
  std::vector<std::string> headers = access_.headers;
  const std::string& token = is_given_ ? given_.token : token_;
  if (!token.empty())
    headers.push_back(fmt::format("Authorization: Bearer {}", token));
  else if (!access_.username.empty())
    headers.push_back(fmt::format("Authorization: Basic {}",
                                  base64_encode(fmt::format("{}:{}", access_.username, access_.password))));
  return headers;
}

void KubeCredentials::refused() {
  token_read_.reset();
  is_given_ = false;
}

}  // namespace flanneld
