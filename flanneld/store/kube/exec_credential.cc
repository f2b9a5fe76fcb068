#include "flanneld/store/kube/exec_credential.h"

#include <fmt/format.h>

#include <ctime>

#include "common/base/error.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::ParseError;
using std::chrono::seconds;

/// "2026-11-26T08:00:00Z", a fraction of a second and an offset of 0 allowed. Throws ParseError.
std::chrono::sys_seconds parse_time(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!end) throw ParseError("'status.expirationTimestamp' is no time such as 2026-11-26T08:00:00Z");
  return std::chrono::sys_seconds(seconds(::timegm(&parts)));
}

}  // namespace

KubeExecAnswer parse_exec_credential(const std::string& text, const std::string& api_version) {
  return decoding("its answer", [&] {
    const json::Value document = parse_object(text, kMaxExecBytes);
    if (json::get_string(document, "kind", "") != "ExecCredential" ||
        json::get_string(document, "apiVersion", "") != api_version)
      throw ParseError(fmt::format("is no ExecCredential of {}", api_version));
    const json::Value& status = json::get_object(document, "status", "");
    KubeExecAnswer answer;
    answer.token = json::get_string(status, "token", "status");
    answer.texts.certificate = json::get_string(status, "clientCertificateData", "status");
    answer.texts.key = json::get_string(status, "clientKeyData", "status");
    if (answer.texts.certificate.empty() != answer.texts.key.empty())
      throw ParseError("has a client certificate or its key, and not both");
    if (answer.token.empty() && answer.texts.certificate.empty())
      throw ParseError("has neither a token nor a client certificate");
    if (answer.token.find_first_of("\r\n") != std::string::npos)
      throw ParseError("has a token with a line's end");
    if (const std::string time = json::get_string(status, "expirationTimestamp", "status"); !time.empty())
      answer.expiration = parse_time(time);
    return answer;
  });
}

}  // namespace flanneld
