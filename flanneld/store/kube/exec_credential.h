// The answer of a program that gives credentials, in the form of client.authentication.k8s.io. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "flanneld/io/http_client.h"

namespace flanneld {

inline constexpr size_t kMaxExecBytes = 1 << 20;

/// What a program of `exec` has given.
struct KubeExecAnswer {
  std::string token;
  TlsFiles texts;                                      ///< a client certificate and its key
  std::optional<std::chrono::sys_seconds> expiration;  ///< nullopt: until the server refuses it
};
/// Reads the ExecCredential of that version. Throws base::ParseError, which quotes no secret.
KubeExecAnswer parse_exec_credential(const std::string& text, const std::string& api_version);

}  // namespace flanneld
