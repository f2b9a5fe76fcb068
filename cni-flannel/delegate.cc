#include "cni-flannel/delegate.h"

#include <fmt/format.h>

#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/ptp/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

std::vector<base::IpNet> networks_of_pods(const SubnetEnv& env) {
  std::vector<base::IpNet> networks = env.networks;
  networks.insert(networks.end(), env.ipv6_networks.begin(), env.ipv6_networks.end());
  return networks;
}

class BuiltInBridge : public Delegate {
 public:
  explicit BuiltInBridge(std::unique_ptr<Ipam> ipam) : ipam_(std::move(ipam)) {}
  [[nodiscard]] cni::AddAnswer add(const cni::Request& request, Container& container,
                                   const SubnetEnv& env) const override {
    return bridge::add(request, *ipam_, container, networks_of_pods(env));
  }
  void del(const cni::Request& request) const override { bridge::del(request, *ipam_); }
  void check(const cni::Request& request) const override { bridge::check(request, *ipam_); }
  void gc(const cni::Request& request) const override { bridge::gc(request, *ipam_); }
  void status(const cni::Request& request, const SubnetEnv& env) const override {
    bridge::status(request, *ipam_, networks_of_pods(env));
  }

 private:
  std::unique_ptr<Ipam> ipam_;
};

class BuiltInPtp : public Delegate {
 public:
  explicit BuiltInPtp(std::unique_ptr<Ipam> ipam) : ipam_(std::move(ipam)) {}
  [[nodiscard]] cni::AddAnswer add(const cni::Request& request, Container& container,
                                   const SubnetEnv& env) const override {
    return ptp::add(request, *ipam_, container, networks_of_pods(env));
  }
  void del(const cni::Request& request) const override { ptp::del(request, *ipam_); }
  void check(const cni::Request& request) const override { ptp::check(request, *ipam_); }
  void gc(const cni::Request& request) const override { ptp::gc(request, *ipam_); }
  void status(const cni::Request& request, const SubnetEnv& /*env*/) const override {
    ptp::status(request, *ipam_);
  }

 private:
  std::unique_ptr<Ipam> ipam_;
};

class Program : public Delegate {
 public:
  explicit Program(std::string type) : type_(std::move(type)) {}

  /// The program's answer, unchanged. When it fails it is asked to clean up (CNI spec section 4).
  [[nodiscard]] cni::AddAnswer add(const cni::Request& request, Container& /*container*/,
                                   const SubnetEnv& /*env*/) const override {
    cni::find_plugin(type_, request);  // absent: then there is nothing to clean up either
    try {
      return cni::run_delegate(type_, "ADD", request);
    } catch (...) {
      const cni::Error failure = cni::current_error();
      throw cni::Error(failure.code(), failure.what(),
                       fmt::format("{}{}", failure.details(), failed_cleanup(request)));
    }
  }
  void del(const cni::Request& request) const override { cni::run_delegate(type_, "DEL", request); }
  void check(const cni::Request& request) const override { cni::run_delegate(type_, "CHECK", request); }
  void gc(const cni::Request& request) const override { cni::run_delegate(type_, "GC", request); }
  void status(const cni::Request& request, const SubnetEnv& /*env*/) const override {
    cni::run_delegate(type_, "STATUS", request);
  }

 private:
  /// Runs DEL; how that failed, to be put behind the details of an error, or empty.
  [[nodiscard]] std::string failed_cleanup(const cni::Request& request) const {
    try {
      cni::run_delegate(type_, "DEL", request);
      return {};
    } catch (...) {
      return fmt::format("; and its DEL failed: {}", one_line(cni::current_error()));
    }
  }

  std::string type_;
};

}  // namespace

std::unique_ptr<Delegate> Delegate::for_add(const PluginTypes& types, const cni::Request& request) {
  return for_existing(types, types, request);
}

std::unique_ptr<Delegate> Delegate::for_existing(const PluginTypes& stored, const PluginTypes& written,
                                                 const cni::Request& request) {
  if (!is_built_in(stored.delegate)) return std::make_unique<Program>(stored.delegate);
  auto ipam = Ipam::for_existing(stored.ipam, written.ipam, request);
  if (stored.delegate == kPtpDelegate) return std::make_unique<BuiltInPtp>(std::move(ipam));
  return std::make_unique<BuiltInBridge>(std::move(ipam));
}

}  // namespace flannel
