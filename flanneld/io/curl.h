// What all users of libcurl have in common: HTTP only, no redirect, no proxy, no signal.
#pragma once

#include <curl/curl.h>

#include <memory>

namespace flanneld {

struct EndEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using EasyPtr = std::unique_ptr<CURL, EndEasy>;

/// A handle with the common options set. A peer that vanishes without a word fails the transfer after 15 s,
/// also while a stream is idle. Throws SystemError when libcurl cannot be prepared.
EasyPtr make_easy();

}  // namespace flanneld
