#include "flanneld/io/http_get.h"

#include <fmt/format.h>

#include <array>

#include "common/base/error.h"
#include "flanneld/io/curl.h"
#include "flanneld/io/url.h"

namespace flanneld {
namespace {

constexpr size_t kMaxFetched = 64 << 20;

size_t append(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& body = *static_cast<std::string*>(context);
  if (body.size() + size * count > kMaxFetched) return 0;  // ends the transfer with an error
  body.append(bytes, size * count);
  return size * count;
}

/// Performs the request; why it failed, or nullopt.
std::optional<std::string> perform(CURL* easy, const std::string& url, std::chrono::milliseconds limit) {
  std::array<char, CURL_ERROR_SIZE> text{};
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text.data());
  const CURLcode code = curl_easy_perform(easy);
  if (code == CURLE_OK) return std::nullopt;
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (code == CURLE_COULDNT_CONNECT && error != 0) return base::errno_text(static_cast<int>(error));
  return text[0] != '\0' ? text.data() : curl_easy_strerror(code);
}

}  // namespace

HttpResult http_get(const std::string& url, std::chrono::milliseconds limit) {
  const EasyPtr easy = make_easy();
  HttpResult result;
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &result.body);
  result.error = perform(easy.get(), url, limit).value_or("");
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &result.status);
  return result;
}

std::optional<std::chrono::sys_seconds> server_time(const std::string& url, std::chrono::milliseconds limit) {
  const EasyPtr easy = make_easy();
  curl_easy_setopt(easy.get(), CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYPEER, 0L);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  if (perform(easy.get(), url, limit)) return std::nullopt;
  curl_header* date = nullptr;
  if (curl_easy_header(easy.get(), "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK) return std::nullopt;
  const time_t time = curl_getdate(date->value, nullptr);
  return time < 0 ? std::nullopt : std::optional(std::chrono::sys_seconds(std::chrono::seconds(time)));
}

std::optional<std::string> connect_failure(const std::string& url, std::chrono::milliseconds limit) {
  try {
    const Url parts = parse_url(url);
    const EasyPtr easy = make_easy();
    curl_easy_setopt(easy.get(), CURLOPT_CONNECT_ONLY, 1L);
    return perform(easy.get(), fmt::format("http://{}:{}", parts.host, parts.port), limit);
  } catch (const base::ParseError& error) {
    return error.what();
  }
}

}  // namespace flanneld
