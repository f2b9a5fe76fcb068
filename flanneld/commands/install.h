// `install-conf SOURCE TARGET` and `cp -f SOURCE TARGET`, which the init containers of flannel's manifests
// call: links to flanneld, known by the name that it is started by. The image has no other program for this.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flanneld {

/// True for a path whose last part is one of these names.
bool is_install_name(std::string_view program);

/// Copies the file and says so; a rival network configuration is told on stderr. Returns 0, or 1 when it
/// could not, for a reason that is on stderr.
int run_install(std::string_view program, const std::vector<std::string>& arguments);

}  // namespace flanneld
