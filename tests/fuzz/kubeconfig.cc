// A kubeconfig, and the answer of a program that it names.
#include "common/base/error.h"
#include "flanneld/store/kube/access.h"
#include "flanneld/store/kube/exec_credential.h"
#include "tests/fuzz/decoders.h"

void fuzz::kubeconfig(std::string_view input) {
  try {
    const flanneld::KubeAccess access = flanneld::parse_kubeconfig(std::string(input), "/etc/kubeconfig");
    for (const std::string& header : access.headers)
      promise(header.find_first_of("\r\n") == std::string::npos, "a header is one line");
  } catch (const base::ParseError&) {
  }
  try {
    flanneld::parse_exec_credential(std::string(input), "client.authentication.k8s.io/v1");
  } catch (const base::ParseError&) {
  }
}
