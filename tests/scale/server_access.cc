#include "tests/scale/server_access.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "flanneld/io/http_get.h"

namespace scale {

using std::chrono::milliseconds;
using std::chrono::seconds;

void ServerAccess::await(const std::string& path) const {
  for (int i = 0; i < 1200; ++i) {
    if (flanneld::http_get(fmt::format("{}{}", endpoint_, path), milliseconds(1000)).status == 200) return;
    std::this_thread::sleep_for(milliseconds(50));  // nobody would tell
  }
  throw std::runtime_error(fmt::format("{} does not serve", endpoint_));
}

std::string ServerAccess::ask(const std::string& path, flanneld::HttpRequest request) {
  request.url = fmt::format("{}{}", endpoint_, path);
  request.timeout = seconds(60);
  flanneld::HttpResult answer;
  const auto exchange = http_.send(request, [&](const flanneld::HttpResult& result) {
    answer = result;
    loop_.stop();
  });
  loop_.run();
  if (answer.status != 200)
    throw std::runtime_error(fmt::format("{}: {}{}", path, answer.error, answer.body));
  return answer.body;
}

}  // namespace scale
