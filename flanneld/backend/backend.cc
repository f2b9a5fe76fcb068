#include "flanneld/backend/backend.h"

#include "flanneld/backend/alloc.h"
#include "flanneld/backend/host_gw.h"
#include "flanneld/backend/vxlan.h"
#include "flanneld/lease/go_json.h"

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
