#include "flanneld/backend.h"

#include "flanneld/alloc_backend.h"
#include "flanneld/decode.h"
#include "flanneld/host_gw_backend.h"
#include "flanneld/vxlan_backend.h"

namespace flanneld {

std::unique_ptr<Backend> make_backend(const BackendContext& context) {
  const std::string& type = context.config.backend_type;
  if (type == "vxlan") return make_vxlan_backend(context);
  if (type == "host-gw") return make_host_gw_backend(context);
  if (type == "alloc") return make_alloc_backend(context);
  const bool by_default = type == "udp" && context.config.backend.empty();
  throw base::ParseError("network config: key 'Backend.Type': backend " + in_quotes(type) +
                         (by_default ? ", which is meant when none is named," : "") +
                         " is not supported; it must be 'vxlan', 'host-gw' or 'alloc'");
}

}  // namespace flanneld
