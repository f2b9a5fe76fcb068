#include "cni-flannel/pod/ipam.h"

#include <fmt/format.h>

#include "cni-ipam/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

constexpr const char* kOurs = "flannel-ipam";
constexpr const char* kReference = "host-local";

/// The failure that leads here is the one to report.
template <class Action>
void ignore_failure(Action&& action) noexcept {
  try {
    action();
  } catch (...) {
  }
}

class LinkedAddressRequest : public AddressRequest {
 public:
  explicit LinkedAddressRequest(const cni::Request& request) : request_(request) { is_to_undo_ = false; }
  ~LinkedAddressRequest() override {
    if (is_to_undo_) ignore_failure([&] { ipam::del(request_); });
  }
  cni::Result finish() override {
    cni::Result result = ipam::add(request_);  // holds nothing when it throws
    is_to_undo_ = true;
    return result;
  }

 private:
  const cni::Request& request_;
};

/// flannel-ipam in this process.
class LinkedIpam : public Ipam {
 public:
  std::unique_ptr<AddressRequest> start_add(const cni::Request& request) const override {
    return std::make_unique<LinkedAddressRequest>(request);
  }
  void del(const cni::Request& request) const override { ipam::del(request); }
  void check(const cni::Request& request) const override { ipam::check(request); }
  void gc(const cni::Request& request) const override { ipam::gc(request); }
  void status(const cni::Request& request) const override { ipam::status(request); }
};

class ProgramAddressRequest : public AddressRequest {
 public:
  ProgramAddressRequest(const std::string& program, const cni::Request& request)
      : program_(program),
        request_(request),
        program_call_(cni::RunningPlugin::start(program, "ADD", request)) {}
  /// CNI spec section 4. Its answer is waited for even so: it may be that the addresses are not ours.
  ~ProgramAddressRequest() override {
    if (is_running_) ignore_failure([&] { finish(); });
    if (is_to_undo_) ignore_failure([&] { cni::run_delegate(program_, "DEL", request_); });
  }

  cni::Result finish() override {
    is_running_ = false;
    try {
      return parse(program_call_.finish());
    } catch (const cni::Error& error) {
      // Ours refuses a second ADD so; the address is the first one's and stays with it.
      if (Ipam::is_of_our_store(program_) && error.code() == cni::ErrorCode::conflict) keep();
      throw;
    }
  }

 private:
  [[nodiscard]] cni::Result parse(const json::OrderedValue& answer) const {
    return cni::with_context(fmt::format("read the answer of plugin '{}'", program_), [&] {
      const std::string text = answer.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
      return cni::Result::parse(json::parse(answer.is_null() ? "{}" : text, "it"), request_.version);
    });
  }

  std::string program_;
  const cni::Request& request_;
  cni::RunningPlugin program_call_;
  bool is_running_ = true;
};

class ProgramIpam : public Ipam {
 public:
  explicit ProgramIpam(std::string program) : program_(std::move(program)) {}
  std::unique_ptr<AddressRequest> start_add(const cni::Request& request) const override {
    return std::make_unique<ProgramAddressRequest>(program_, request);
  }
  void del(const cni::Request& request) const override { cni::run_delegate(program_, "DEL", request); }
  void check(const cni::Request& request) const override { cni::run_delegate(program_, "CHECK", request); }
  void gc(const cni::Request& request) const override { cni::run_delegate(program_, "GC", request); }
  void status(const cni::Request& request) const override { cni::run_delegate(program_, "STATUS", request); }

 private:
  std::string program_;
};

}  // namespace

std::unique_ptr<Ipam> Ipam::for_add(const std::string& type, const cni::Request& request) {
  if (!is_of_our_store(type)) return std::make_unique<ProgramIpam>(type);
  if (type == kReference && cni::has_plugin(kReference, request))
    return std::make_unique<ProgramIpam>(kReference);
  if (cni::has_plugin(kOurs, request)) return std::make_unique<ProgramIpam>(kOurs);
  return std::make_unique<LinkedIpam>();
}

std::unique_ptr<Ipam> Ipam::for_existing(const std::string& stored, const std::string& written,
                                         const cni::Request& request) {
  // The scratch file says host-local also where none was given.
  const bool is_either = is_of_our_store(stored) && is_of_our_store(written);
  return for_add(is_either ? written : is_of_our_store(stored) ? kOurs : stored, request);
}

bool Ipam::is_of_our_store(const std::string& type) {
  return type.empty() || type == kOurs || type == kReference;
}

}  // namespace flannel
