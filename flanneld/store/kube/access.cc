#include "flanneld/store/kube/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/io/url.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::ParseError;

bool is_in_pod(const KubeEnvironment& environment) {
  return !environment.service_host.empty() && !environment.service_port.empty();
}

KubeAccess service_account(const KubeEnvironment& environment, const FileReader& read_file) {
  KubeAccess access;
  const std::string& host = environment.service_host;
  const bool is_bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  access.server = is_bare_v6 ? fmt::format("https://[{}]:{}", host, environment.service_port)
                             : fmt::format("https://{}:{}", host, environment.service_port);
  access.token_file = fmt::format("{}/token", kServiceAccount);
  if (!read_file(access.token_file))
    throw ParseError(fmt::format("there is no {}: the pod needs a service account whose token is mounted",
                                 access.token_file));
  const std::string ca = fmt::format("{}/ca.crt", kServiceAccount);
  if (read_file(ca)) access.http.files.ca = ca;  // otherwise the system's authorities
  return access;
}

/// Without a scheme it is that which the credentials are for.
std::string with_scheme(std::string server, const HttpSettings& http) {
  while (server.ends_with('/')) server.pop_back();
  if (server.find("://") != std::string::npos) return server;
  const bool has_tls = !http.verifies || !http.files.ca.empty() || !http.texts.ca.empty() ||
                       !http.files.certificate.empty() || !http.texts.certificate.empty();
  return fmt::format("{}://{}", has_tls ? "https" : "http", server);
}

/// Whether an entry of NO_PROXY names the host.
bool is_named(std::string_view entry, const std::string& host, uint16_t port) {
  if (entry == "*") return true;
  const std::string with_port = fmt::format(":{}", port);
  if (entry.ends_with(with_port)) entry.remove_suffix(with_port.size());
  const auto ip = base::IpAddress::parse(host);
  if (const auto net = base::IpNet::parse(std::string(entry))) return ip && net->contains(*ip);
  if (ip) return base::IpAddress::parse(std::string(entry)) == ip;
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  const std::string name = base::lower(entry);
  if (name.starts_with('.')) return host.ends_with(name);
  return host == name || host.ends_with(fmt::format(".{}", name));
}

}  // namespace

std::string find_proxy(const std::string& server, const KubeEnvironment& environment) {
  const Url url = parse_url(server);
  const std::string& proxy = url.scheme == "https" ? environment.https_proxy : environment.http_proxy;
  std::string host = base::lower(url.host);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const auto ip = base::IpAddress::parse(host);
  if (proxy.empty() || host == "localhost" || (ip && ip->is_loopback())) return {};
  for (const std::string_view part : base::split(environment.no_proxy, ',')) {
    const std::string_view entry = base::trimmed(part);
    if (!entry.empty() && is_named(entry, host, url.port)) return {};
  }
  return proxy;
}

KubeAccess kube_access(const Options& options, const FileReader& read_file) {
  const KubeEnvironment& environment = options.kube_environment;
  KubeAccess access;
  if (!options.kubeconfig_file.empty()) {
    const auto text = read_file(options.kubeconfig_file);
    if (!text)
      throw ParseError(fmt::format("there is no kubeconfig {}", base::quoted(options.kubeconfig_file)));
    access = parse_kubeconfig(*text, options.kubeconfig_file);
    if (!options.kube_api_url.empty()) access.http.server_name.clear();
  } else if (is_in_pod(environment)) {
    access = service_account(environment, read_file);
  } else if (options.kube_api_url.empty()) {
    throw ParseError(
        "--kubeconfig-file is needed outside of a pod, where there is no KUBERNETES_SERVICE_HOST");
  }
  if (!options.kube_api_url.empty()) access.server = options.kube_api_url;
  access.server = with_scheme(access.server, access.http);
  decoding("the API server", [&] { return parse_url(access.server); });
  if (access.http.proxy.empty()) access.http.proxy = find_proxy(access.server, environment);
  access.http.user_agent = "flanneld/" PROJECT_VERSION " (linux)";
  access.http.takes_gzip = true;
  access.http.speaks_http2 = true;
  if (access.server.starts_with("https://")) return access;
  access.token.clear();  // nobody shall read them on the way
  access.token_file.clear();
  access.username.clear();
  access.password.clear();
  access.exec.reset();
  return access;
}

}  // namespace flanneld
