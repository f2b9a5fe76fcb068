#include "flanneld/io/curl.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/base/error.h"

namespace flanneld {
namespace {

// An idle connection is probed after 5 s and then every 5 s. Two probes without an answer end it, 15 s after
// the peer's last sign of life. The kernel's own limit of 9 probes would make that 50 s.
constexpr int kKeepaliveSeconds = 5, kKeepaliveProbes = 2;
constexpr int kSilenceMilliseconds = kKeepaliveSeconds * (1 + kKeepaliveProbes) * 1000;

int limit_silence(void*, curl_socket_t fd, curlsocktype) noexcept {
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepaliveProbes, sizeof kKeepaliveProbes);
  // Data that is sent and not acknowledged suspends the probes: the same limit for it.
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kSilenceMilliseconds, sizeof kSilenceMilliseconds);
  return CURL_SOCKOPT_OK;
}

}  // namespace

EasyPtr make_easy() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  EasyPtr easy(initialised == CURLE_OK ? curl_easy_init() : nullptr);
  if (!easy) throw base::SystemError(ENOMEM, "prepare an HTTP request");
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy.get(), option, value); };
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOPROXY, "*");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, static_cast<long>(kKeepaliveSeconds));
  set(CURLOPT_TCP_KEEPINTVL, static_cast<long>(kKeepaliveSeconds));
  set(CURLOPT_SOCKOPTFUNCTION, &limit_silence);
  return easy;
}

}  // namespace flanneld
