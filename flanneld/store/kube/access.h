// How the API server is reached, and as whom: from a pod's service account, or from a kubeconfig.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/http_client.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// A program that gives credentials (client.authentication.k8s.io).
struct KubeExec {
  std::string api_version;
  std::string command;  ///< a path, or a name for PATH
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=value", beside the own
  std::string info;                      ///< KUBERNETES_EXEC_INFO
  std::string install_hint;              ///< for an operator who lacks the program
  bool operator==(const KubeExec&) const = default;
};

struct KubeAccess {
  std::string server;  ///< URL, perhaps with a path; without a slash at its end
  HttpSettings http;
  std::string token;       ///< empty: none
  std::string token_file;  ///< goes before `token` while it can be read; empty: none
  std::string username, password;
  std::vector<std::string> headers;  ///< of impersonation
  std::optional<KubeExec> exec;
  bool operator==(const KubeAccess&) const = default;
};

/// Where a pod finds its service account's token and the servers' authority.
inline constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/// By the flags: the kubeconfig; otherwise the service account of the pod. The URL of --kube-api-url replaces
/// the server of either. Throws base::ParseError or base::SystemError saying what is missing.
KubeAccess kube_access(const Options& options, const FileReader& read_file);

/// The access that the current context of a kubeconfig gives; `path` is where it lies. Throws
/// base::ParseError.
KubeAccess parse_kubeconfig(const std::string& text, const std::string& path);

/// The proxy for a server, by the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY; empty: none.
std::string find_proxy(const std::string& server, const KubeEnvironment& environment);

}  // namespace flanneld
