// A URL may hold a user's password, and no message, log or status may.
#pragma once

#include <string>

namespace flanneld {

/// The URL without user and password.
std::string without_userinfo(const std::string& url);

/// Any text that was given as a list of URLs, with "***" in the place of users and passwords. A password may
/// hold any sign, a comma too.
std::string with_userinfo_hidden(const std::string& text);

}  // namespace flanneld
