// The form is that of client-go's tools/clientcmd/api/v1.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <filesystem>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/json/json.h"
#include "flanneld/io/base64.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/kube/access.h"

namespace flanneld {
namespace {

using base::ParseError;

std::string text_of(const YAML::Node& object, const char* key) {
  const YAML::Node value = object[key];
  if (!value || value.IsNull()) return {};
  if (!value.IsScalar()) throw ParseError(fmt::format("'{}' must be a text", key));
  return value.Scalar();
}

bool is_true(const YAML::Node& object, const char* key) {
  return base::lower(text_of(object, key)) == "true";
}

std::vector<std::string> texts_of(const YAML::Node& object, const char* key) {
  std::vector<std::string> texts;
  for (const auto& one : object[key]) texts.push_back(one.Scalar());
  return texts;
}

class Kubeconfig {
 public:
  Kubeconfig(const YAML::Node& root, const std::string& path)
      : root_(root), folder_(std::filesystem::path(path).parent_path()) {}

  KubeAccess read() {
    const std::string name = text_of(root_, "current-context");
    if (name.empty()) throw ParseError("it has no current-context");
    const YAML::Node context = entry("contexts", "context", name);
    const YAML::Node cluster = entry("clusters", "cluster", text_of(context, "cluster"));
    read_cluster(cluster);
    if (const std::string user = text_of(context, "user"); !user.empty())
      read_user(entry("users", "user", user), cluster);
    return std::move(access_);
  }

 private:
  /// What the entry of that name in a list holds.
  [[nodiscard]] YAML::Node entry(const char* list, const char* kind, const std::string& name) const {
    YAML::Node found;
    int count = 0;
    for (const auto& one : root_[list])
      if (text_of(one, "name") == name) {
        found.reset(one[kind]);
        ++count;
      }
    if (count != 1 || !found || !found.IsMap())
      throw ParseError(fmt::format("it has {} {} {}",
                                   count == 0   ? "no"
                                   : count == 1 ? "an empty"
                                                : "more than one",
                                   kind, base::quoted(name)));
    return found;
  }

  [[nodiscard]] std::string path_of(const YAML::Node& object, const char* key) const {
    const std::string path = text_of(object, key);
    return path.empty() || path.starts_with('/') ? path : (folder_ / path).string();
  }

  /// A PEM file or its text; both is an error.
  void read_pem(const YAML::Node& object, const char* file_key, std::string TlsFiles::*place) {
    const std::string data_key = fmt::format("{}-data", file_key);
    std::string data = text_of(object, data_key.c_str());
    std::erase_if(data, [](char one) { return one == ' ' || one == '\n' || one == '\r'; });
    access_.http.files.*place = path_of(object, file_key);
    if (data.empty()) return;
    if (!(access_.http.files.*place).empty())
      throw ParseError(fmt::format("'{}' and '{}' exclude each other", file_key, data_key));
    const auto text = base64_decode(data);
    if (!text || text->empty()) throw ParseError(fmt::format("'{}' is no base64", data_key));
    access_.http.texts.*place = *text;
  }

  void read_cluster(const YAML::Node& cluster) {
    access_.server = text_of(cluster, "server");
    if (access_.server.empty()) throw ParseError("its cluster has no 'server'");
    read_pem(cluster, "certificate-authority", &TlsFiles::ca);
    access_.http.verifies = !is_true(cluster, "insecure-skip-tls-verify");
    if (!access_.http.verifies && (!access_.http.files.ca.empty() || !access_.http.texts.ca.empty()))
      throw ParseError("'insecure-skip-tls-verify' and a certificate authority exclude each other");
    access_.http.server_name = text_of(cluster, "tls-server-name");
    access_.http.proxy = text_of(cluster, "proxy-url");
    const std::string& proxy = access_.http.proxy;
    if (!proxy.empty() && !proxy.starts_with("http://") && !proxy.starts_with("https://") &&
        !proxy.starts_with("socks5://"))
      throw ParseError("'proxy-url' must begin with http://, https:// or socks5://");
  }

  void read_user(const YAML::Node& user, const YAML::Node& cluster) {
    read_pem(user, "client-certificate", &TlsFiles::certificate);
    read_pem(user, "client-key", &TlsFiles::key);
    const auto has = [&](std::string TlsFiles::*place) {
      return !(access_.http.files.*place).empty() || !(access_.http.texts.*place).empty();
    };
    if (has(&TlsFiles::certificate) != has(&TlsFiles::key))
      throw ParseError("a client certificate and its key are needed together");
    access_.token = text_of(user, "token");
    access_.token_file = path_of(user, "tokenFile");
    access_.username = text_of(user, "username");
    access_.password = text_of(user, "password");
    const bool has_token = !access_.token.empty() || !access_.token_file.empty();
    if (!access_.username.empty() && has_token) throw ParseError("'username' and a token exclude each other");
    if (user["auth-provider"]) throw ParseError("'auth-provider' is not supported; use 'exec'");
    read_impersonation(user);
    if (user["exec"] && !has_token && access_.username.empty() && !has(&TlsFiles::certificate))
      read_exec(user["exec"], cluster);
  }

  void read_impersonation(const YAML::Node& user) {
    constexpr std::array<std::pair<const char*, const char*>, 2> kNames{
        {{"as", "Impersonate-User"}, {"as-uid", "Impersonate-Uid"}}};
    for (const auto& [key, header] : kNames)
      if (const std::string text = text_of(user, key); !text.empty())
        access_.headers.push_back(fmt::format("{}: {}", header, text));
    for (const std::string& group : texts_of(user, "as-groups"))
      access_.headers.push_back(fmt::format("Impersonate-Group: {}", group));
    for (const auto& extra : user["as-user-extra"])
      for (const auto& value : extra.second)
        access_.headers.push_back(
            fmt::format("Impersonate-Extra-{}: {}", extra.first.Scalar(), value.Scalar()));
    for (const std::string& header : access_.headers)
      if (header.find_first_of("\r\n") != std::string::npos)
        throw ParseError("a name to act as holds a line's end");
  }

  void read_exec(const YAML::Node& node, const YAML::Node& cluster) {
    KubeExec exec;
    exec.api_version = text_of(node, "apiVersion");
    if (exec.api_version != "client.authentication.k8s.io/v1" &&
        exec.api_version != "client.authentication.k8s.io/v1beta1")
      throw ParseError("the 'apiVersion' of 'exec' must be client.authentication.k8s.io/v1 or …/v1beta1");
    exec.command = text_of(node, "command");
    if (exec.command.empty()) throw ParseError("'exec' has no 'command'");
    if (exec.command.find('/') != std::string::npos) exec.command = path_of(node, "command");
    if (text_of(node, "interactiveMode") == "Always")
      throw ParseError("'exec' wants a terminal, which an agent lacks");
    exec.arguments = texts_of(node, "args");
    for (const auto& one : node["env"])
      exec.environment.push_back(fmt::format("{}={}", text_of(one, "name"), text_of(one, "value")));
    exec.install_hint = text_of(node, "installHint");
    exec.info = exec_info(exec.api_version, is_true(node, "provideClusterInfo"), cluster);
    access_.exec = std::move(exec);
  }

  [[nodiscard]] std::string exec_info(const std::string& api_version, bool with_cluster,
                                      const YAML::Node& cluster) const {
    json::OrderedValue spec = json::OrderedValue::object();
    if (with_cluster) {
      json::OrderedValue about{{"server", access_.server}};
      if (!access_.http.server_name.empty()) about["tls-server-name"] = access_.http.server_name;
      if (!access_.http.verifies) about["insecure-skip-tls-verify"] = true;
      if (const std::string data = text_of(cluster, "certificate-authority-data"); !data.empty())
        about["certificate-authority-data"] = data;
      if (!access_.http.proxy.empty()) about["proxy-url"] = access_.http.proxy;
      spec["cluster"] = about;
    }
    spec["interactive"] = false;
    return fmt::format(
        "{}\n",
        json::OrderedValue{{"kind", "ExecCredential"}, {"apiVersion", api_version}, {"spec", spec}}.dump(
            -1, ' ', false, json::OrderedValue::error_handler_t::replace));
  }

  const YAML::Node& root_;
  std::filesystem::path folder_;
  KubeAccess access_;
};

}  // namespace

KubeAccess parse_kubeconfig(const std::string& text, const std::string& path) {
  return decoding(fmt::format("kubeconfig {}", path), [&] {
    try {
      const YAML::Node root = YAML::Load(text);
      if (!root.IsMap()) throw ParseError("it must hold names and values");
      return Kubeconfig(root, path).read();
    } catch (const YAML::Exception& error) {  // what it quotes may be a secret
      throw ParseError(fmt::format("line {} cannot be read as YAML", error.mark.line + 1));
    }
  });
}

}  // namespace flanneld
