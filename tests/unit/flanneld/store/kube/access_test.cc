// How the API server is reached: service account, kubeconfig, proxies, programs that give credentials.
#include "flanneld/store/kube/access.h"

#include <doctest/doctest.h>

#include <map>

#include "flanneld/store/kube/exec_credential.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

struct Files {
  std::map<std::string, std::string> files;
  [[nodiscard]] FileReader reader() const {
    return [this](const std::string& path) {
      const auto found = files.find(path);
      return found == files.end() ? std::nullopt : std::optional(found->second);
    };
  }
};

std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: "
         "u}}]\n"
         "clusters:\n- name: k\n  cluster: " +
         cluster + "\nusers:\n- name: u\n  user: " + user + "\n";
}

KubeAccess parsed(const std::string& cluster, const std::string& user) {
  return parse_kubeconfig(kubeconfig(cluster, user), "/etc/kubernetes/kubelet.conf");
}

std::string failure(const std::string& cluster, const std::string& user) {
  return parse_failure([&] { parsed(cluster, user); });
}

}  // namespace

TEST_CASE("kube access: a pod has its service account; --kube-api-url changes the server only") {
  Files files{{{kAccount + "/token", "t"}, {kAccount + "/ca.crt", "c"}}};
  Options options;
  options.kube_environment.service_host = "10.96.0.1";
  options.kube_environment.service_port = "443";
  KubeAccess access = kube_access(options, files.reader());
  CHECK(access.server == "https://10.96.0.1:443");
  CHECK(access.token_file == kAccount + "/token");
  CHECK(access.http.files.ca == kAccount + "/ca.crt");
  options.kube_environment.service_host = "fd00::1";
  CHECK(kube_access(options, files.reader()).server == "https://[fd00::1]:443");
  options.kube_api_url = "https://api.example:6443/";
  access = kube_access(options, files.reader());
  CHECK(access.server == "https://api.example:6443");
  CHECK(access.token_file == kAccount + "/token");
  options.kube_api_url = "http://api.example:8080";
  CHECK(kube_access(options, files.reader()).token_file.empty());
  files.files.clear();
  CHECK(contains(parse_failure([&] { kube_access(options, files.reader()); }), kAccount + "/token"));
  options.kube_environment = {};
  CHECK(kube_access(options, files.reader()).server == "http://api.example:8080");
  options.kube_api_url.clear();
  CHECK(
      contains(parse_failure([&] { kube_access(options, files.reader()); }), "--kubeconfig-file is needed"));
}

TEST_CASE("kube access: a kubeconfig's files lie beside it, its data are PEM texts") {
  const KubeAccess access = parsed(
      R"({server: "https://h/k8s/clusters/c-1", certificate-authority: pki/ca.crt, tls-server-name: api, proxy-url: "socks5://p:1"})",
      R"({client-certificate-data: Q0VSVA==, client-key: /k.pem, as: admin, as-groups: [g1, g2], as-user-extra: {x: [y]}})");
  CHECK(access.server == "https://h/k8s/clusters/c-1");
  CHECK(access.http.files.ca == "/etc/kubernetes/pki/ca.crt");
  CHECK(access.http.texts.certificate == "CERT");
  CHECK(access.http.files.key == "/k.pem");
  CHECK(access.http.server_name == "api");
  CHECK(access.http.proxy == "socks5://p:1");
  CHECK(access.headers == std::vector<std::string>{"Impersonate-User: admin", "Impersonate-Group: g1",
                                                   "Impersonate-Group: g2", "Impersonate-Extra-x: y"});
  CHECK(parsed("{server: h}", "{tokenFile: t}").token_file == "/etc/kubernetes/t");
}

TEST_CASE("kube access: a kubeconfig's mistakes are told, and its secrets are not") {
  CHECK(contains(failure("{}", "{}"), "no 'server'"));
  CHECK(contains(failure("{server: h, certificate-authority: a, certificate-authority-data: QQ==}", "{}"),
                 "exclude each other"));
  CHECK(contains(failure("{server: h, insecure-skip-tls-verify: true, certificate-authority: a}", "{}"),
                 "exclude each other"));
  CHECK(contains(failure("{server: h, proxy-url: \"ftp://p\"}", "{}"), "'proxy-url' must begin"));
  CHECK(contains(failure("{server: h}", "{client-certificate: c}"), "together"));
  CHECK(contains(failure("{server: h}", "{username: u, token: t}"), "exclude each other"));
  CHECK(contains(failure("{server: h}", "{client-key-data: s3cret!}"), "is no base64"));
  CHECK_FALSE(contains(failure("{server: h}", "{client-key-data: s3cret!}"), "s3cret"));
  CHECK(contains(failure("{server: h}", "{auth-provider: {name: gcp}}"), "'auth-provider' is not supported"));
  const std::string broken = parse_failure([] { parse_kubeconfig("a: [s3cret", "/k"); });
  CHECK(contains(broken, "kubeconfig /k: line"));
  CHECK_FALSE(contains(broken, "s3cret"));
  CHECK(contains(parse_failure([] { parse_kubeconfig("current-context: x", "/k"); }), "no context 'x'"));
}

TEST_CASE("kube access: a proxy is used unless NO_PROXY names the server") {
  KubeEnvironment environment;
  environment.https_proxy = "http://p:3128";
  CHECK(find_proxy("https://api.example:6443", environment) == "http://p:3128");
  CHECK(find_proxy("http://api.example", environment).empty());
  CHECK(find_proxy("https://localhost:6443", environment).empty());
  CHECK(find_proxy("https://[::1]:6443", environment).empty());
  for (const char* names : {"example", ".example", "a, api.example", "*", "api.example:6443", "*.example"}) {
    environment.no_proxy = names;
    CHECK_MESSAGE(find_proxy("https://api.example:6443", environment).empty(), names);
  }
  for (const char* names : {"xample", "api", "api.example:1", "10.0.0.0/8"}) {
    environment.no_proxy = names;
    CHECK_MESSAGE(!find_proxy("https://api.example:6443", environment).empty(), names);
  }
  environment.no_proxy = "10.96.0.0/12";
  CHECK(find_proxy("https://10.96.0.1:443", environment).empty());
}

TEST_CASE("kube credentials: what a program gives is read, and its mistakes are told without its secrets") {
  const std::string version = "client.authentication.k8s.io/v1";
  const std::string head =
      R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)";
  const KubeExecAnswer answer =
      parse_exec_credential(head + R"({"token":"t","expirationTimestamp":"2026-11-26T08:00:00Z"}})", version);
  CHECK(answer.token == "t");
  CHECK(answer.expiration == std::chrono::sys_seconds(std::chrono::seconds(1795680000)));
  CHECK_THROWS_AS(parse_exec_credential(head + R"({}})", version), base::ParseError);
  CHECK_THROWS_AS(parse_exec_credential(head + R"({"clientCertificateData":"x"}})", version),
                  base::ParseError);
  CHECK_THROWS_AS(parse_exec_credential(head + R"({"token":"t"}})", version + "beta1"), base::ParseError);
  CHECK_THROWS_AS(parse_exec_credential("s3cret", version), base::ParseError);
  CHECK_FALSE(contains(parse_failure([&] { parse_exec_credential("s3cret", version); }), "s3cret"));
}
