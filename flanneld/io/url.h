// URLs of servers. A URL may hold a user's password, which must not appear in a message, a log or a status.
#pragma once

#include <cstdint>
#include <string>

namespace flanneld {

struct Url {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< a name or an address, an IPv6 one in brackets
  uint16_t port = 0;   ///< the scheme's own if the text names none
};

/// Throws base::ParseError for text that is no http or https URL; its message does not quote the text.
Url parse_url(const std::string& text);

/// The URL without user and password.
std::string without_userinfo(const std::string& url);

/// A list of URLs with "***" in the place of users and passwords. Any text is taken, for it may be no list
/// at all; a password may hold any character, even a comma.
std::string with_userinfo_hidden(const std::string& text);

}  // namespace flanneld
