#include "cni-flannel/bridge/ipam.h"

#include "cni-ipam/verbs.h"
#include "common/base/rollback.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

constexpr const char* kOurs = "flannel-ipam";
constexpr const char* kReference = "host-local";

cni::Result run_add(const std::string& program, const cni::Request& request) {
  base::Rollback undo;
  undo.push([&] { cni::run_delegate(program, "DEL", request); });  // CNI spec section 4
  const json::OrderedValue answer = cni::run_delegate(program, "ADD", request);
  const std::string text = answer.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
  cni::Result result = cni::with_context("read the answer of plugin '" + program + "'", [&] {
    return cni::Result::parse(json::parse(answer.is_null() ? "{}" : text, "it"), request.version);
  });
  undo.commit();
  return result;
}

}  // namespace

Ipam Ipam::configured(const std::string& type, const cni::Request& request) {
  if (type == kReference && cni::has_plugin(kReference, request)) return Ipam(kReference);
  return stored(type);
}

bool Ipam::is_built_in(const std::string& type) {
  return type.empty() || type == kOurs || type == kReference;
}

Ipam Ipam::stored(const std::string& type) { return Ipam(is_built_in(type) ? "" : type); }

cni::Result Ipam::add(const cni::Request& request) const {
  return program_.empty() ? ipam::add(request) : run_add(program_, request);
}

void Ipam::del(const cni::Request& request) const {
  program_.empty() ? ipam::del(request) : static_cast<void>(cni::run_delegate(program_, "DEL", request));
}

void Ipam::check(const cni::Request& request) const {
  program_.empty() ? ipam::check(request) : static_cast<void>(cni::run_delegate(program_, "CHECK", request));
}

void Ipam::gc(const cni::Request& request) const {
  program_.empty() ? ipam::gc(request) : static_cast<void>(cni::run_delegate(program_, "GC", request));
}

void Ipam::status(const cni::Request& request) const {
  program_.empty() ? ipam::status(request)
                   : static_cast<void>(cni::run_delegate(program_, "STATUS", request));
}

}  // namespace flannel
