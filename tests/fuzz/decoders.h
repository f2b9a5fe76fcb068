// Everything that reads bytes from outside, each behind one function that takes any bytes: libFuzzer feeds
// them (entry.cc), and the unit tests the corpus (tests/unit/fuzz_corpus_test.cc).
// A decoder may refuse its input by the error that it documents. Every other exception, a broken promise
// (promise()), a crash and what sanitizers find are defects.
#pragma once

#include <array>
#include <stdexcept>
#include <string_view>

namespace fuzz {

void plugin_call(std::string_view input);     ///< CNI_* variables and stdin of both plugins
void cni_result(std::string_view input);      ///< prevResult, what an IPAM plugin answers
void subnet_env(std::string_view input);      ///< subnet.env, resolv.conf
void ipam_store(std::string_view input);      ///< files in the store of flannel-ipam
void lease_index(std::string_view input);     ///< the index file beside it
void scratch_files(std::string_view input);   ///< files in the scratch directory of flannel
void network_config(std::string_view input);  ///< the cluster's configuration
void leases(std::string_view input);          ///< keys and values of nodes' leases, down to the kernel's plan
void etcd_answer(std::string_view input);     ///< one answer of etcd's gateway
void etcd_watch(std::string_view input);      ///< a watch, in pieces
void kube_nodes(std::string_view input);      ///< lists, events and Nodes of Kubernetes, down to leases
void kubeconfig(std::string_view input);      ///< a kubeconfig, and what a program of it answers
void saved_state(std::string_view input);     ///< the leases that flanneld kept
void options(std::string_view input);         ///< flanneld's flags, environment and configuration file
void udp_packets(std::string_view input);     ///< packets of the backend udp, both ways
void wireguard(std::string_view input);       ///< what WireGuard devices have, and leases of their peers
void probe_answer(std::string_view input);    ///< what comes back for probes of peers

struct Decoder {
  const char* name;
  void (*decode)(std::string_view input);
};
inline constexpr std::array kDecoders{
    Decoder{"plugin_call", plugin_call},       Decoder{"cni_result", cni_result},
    Decoder{"subnet_env", subnet_env},         Decoder{"ipam_store", ipam_store},
    Decoder{"lease_index", lease_index},       Decoder{"scratch_files", scratch_files},
    Decoder{"network_config", network_config}, Decoder{"leases", leases},
    Decoder{"etcd_answer", etcd_answer},       Decoder{"etcd_watch", etcd_watch},
    Decoder{"kube_nodes", kube_nodes},         Decoder{"kubeconfig", kubeconfig},
    Decoder{"saved_state", saved_state},       Decoder{"options", options},
    Decoder{"udp_packets", udp_packets},       Decoder{"wireguard", wireguard},
    Decoder{"probe_answer", probe_answer}};

/// What must hold whatever the input is.
inline void promise(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Cuts the first `separator`-terminated part off `rest` and returns it; all of it when there is none.
inline std::string_view cut(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

}  // namespace fuzz
