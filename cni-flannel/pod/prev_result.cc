#include "cni-flannel/pod/prev_result.h"

#include <fmt/format.h>

#include <utility>

#include "common/cni/error.h"
#include "common/cni/verb.h"

namespace flannel {

cni::Result required_prev_result(const cni::Request& request) {
  if (auto result = request.prev_result()) return std::move(*result);
  throw cni::Error(
      cni::ErrorCode::invalid_config,
      fmt::format("must be called as chained plugin: {} has no prevResult", cni::name_of(request.verb)),
      "in the list of plugins it has to stand behind the one that makes the interface");
}

}  // namespace flannel
