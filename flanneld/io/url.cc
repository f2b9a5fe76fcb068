#include "flanneld/io/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string_view>

#include "common/base/error.h"

namespace flanneld {
namespace {

struct EndUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

struct EndText {
  void operator()(char* text) const { curl_free(text); }
};

[[noreturn]] void refuse(const char* reason) {
  throw base::ParseError(fmt::format("is not a URL such as https://192.168.1.10:2379: {}", reason));
}

/// One part of the URL; empty when it is absent.
std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  curl_url_get(url, part, &text, CURLU_DEFAULT_PORT);
  const std::unique_ptr<char, EndText> owner(text);
  return text ? text : "";
}

}  // namespace

Url parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, EndUrl> url(curl_url());
  if (!url) throw std::bad_alloc();
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
  if (code != CURLUE_OK) refuse(curl_url_strerror(code));
  Url parts{.scheme = part_of(url.get(), CURLUPART_SCHEME), .host = part_of(url.get(), CURLUPART_HOST)};
  if (parts.scheme != "http" && parts.scheme != "https") refuse("its scheme is neither http nor https");
  const std::string port = part_of(url.get(), CURLUPART_PORT);
  std::from_chars(port.data(), port.data() + port.size(),
                  parts.port);  // digits up to 65535, as libcurl checked
  if (parts.port == 0) refuse("its port is 0");
  return parts;
}

std::string without_userinfo(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t sign = url.rfind('@');
  return sign == std::string::npos || sign < host
             ? url
             : fmt::format("{}{}", url.substr(0, host), url.substr(sign + 1));
}

std::string with_userinfo_hidden(const std::string& text) {
  constexpr std::string_view kSeparator = "://";
  std::string result;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(kSeparator, at), text.size());
    const std::string part = text.substr(at, end - at);
    const size_t sign = part.rfind('@');
    if (at != 0) result += kSeparator;
    result += sign == std::string::npos ? part : fmt::format("***{}", part.substr(sign));
    at = end + kSeparator.size();
  }
  return result;
}

}  // namespace flanneld
