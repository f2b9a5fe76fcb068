#include "cni-flannel/standalone.h"

#include <memory>
#include <string_view>

#include "cni-flannel/delegate.h"
#include "common/cni/error.h"

namespace flannel::standalone {
namespace {

PluginTypes types(const std::string& type, const cni::Request& request) {
  return {.delegate = type,
          .ipam = json::get_string(json::get_object(request.config, "ipam", ""), "type", "ipam")};
}

std::unique_ptr<Delegate> existing(const std::string& type, const cni::Request& request) {
  const PluginTypes both = types(type, request);
  return Delegate::for_existing(both, both, request);
}

/// The reference's bridge without addresses is a switch for others to use, which this one is not.
std::unique_ptr<Delegate> required(const std::string& type, const cni::Request& request) {
  const PluginTypes both = types(type, request);
  if (both.ipam.empty())
    throw cni::Error(
        cni::ErrorCode::unsupported_field, "key 'ipam.type' is absent or empty",
        "this plugin makes no network without addresses; name an IPAM plugin such as host-local, "
        "or install the reference's program in the place of this one");
  return Delegate::for_add(both, request);
}

/// What the delegates call `delegate.KEY` is `KEY` here.
std::string own_words(std::string text) {
  constexpr std::string_view kPrefix = "delegate.";
  for (size_t at = text.find(kPrefix); at != std::string::npos; at = text.find(kPrefix, at))
    text.erase(at, kPrefix.size());
  return text;
}

template <class Action>
auto in_own_words(Action&& action) {
  try {
    return action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    throw cni::Error(error.code(), own_words(error.what()), own_words(error.details()));
  }
}

}  // namespace

cni::AddAnswer add(const std::string& type, const cni::Request& request) {
  return in_own_words([&] {
    const auto delegate = required(type, request);
    Container container = open_container(request.netns);
    check_ifname_free(container, request.attachment);
    return delegate->add(request, container, SubnetEnv());
  });
}

void del(const std::string& type, const cni::Request& request) {
  in_own_words([&] { existing(type, request)->del(request); });
}

void check(const std::string& type, const cni::Request& request) {
  in_own_words([&] { existing(type, request)->check(request); });
}

void gc(const std::string& type, const cni::Request& request) {
  in_own_words([&] { existing(type, request)->gc(request); });
}

void status(const std::string& type, const cni::Request& request) {
  in_own_words([&] { required(type, request)->status(request, SubnetEnv()); });
}

}  // namespace flannel::standalone
