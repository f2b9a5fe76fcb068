#include "flanneld/io/url.h"

#include <algorithm>
#include <string_view>

namespace flanneld {

std::string without_userinfo(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t sign = url.rfind('@');
  return sign == std::string::npos || sign < host ? url : url.substr(0, host) + url.substr(sign + 1);
}

std::string with_userinfo_hidden(const std::string& text) {
  constexpr std::string_view kSeparator = "://";
  std::string result;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(kSeparator, at), text.size());
    const std::string part = text.substr(at, end - at);
    const size_t sign = part.rfind('@');
    if (at != 0) result += kSeparator;
    result += sign == std::string::npos ? part : "***" + part.substr(sign);
    at = end + kSeparator.size();
  }
  return result;
}

}  // namespace flanneld
