// Puts plugins and their configuration where the container runtime looks for them. It may read at any moment,
// and start what it finds: a file is there whole or not at all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace flanneld {

struct InstalledFile {
  std::string path;      ///< of the file, also where a directory was given
  size_t bytes = 0;      ///< how long it is
  mode_t mode = 0;       ///< the source's, without the right to write for others than the owner
  bool changed = false;  ///< false: it had this content and mode already
};

/// Makes `target`, or the file of the same name in it if it is a directory, a copy of `source` that a loss of
/// power does not take away. A link there is replaced and not followed: it may lead to a program that has
/// other names too. A network configuration (.conflist, .conf, .json) must be one.
/// Throws base::ParseError for a source that can be of no use, SystemError.
InstalledFile install_file(const std::string& source, const std::string& target);

/// The plugins `flannel` and `flannel-ipam` are others as well, by whose names it has to be found: makes
/// links of those names beside it, where nothing has the name. Returns the names of those that were made;
/// none for another file. Throws SystemError.
std::vector<std::string> link_other_names(const std::string& path);

/// What the runtime makes of other network configurations beside `path`, with advice; nullopt: there are
/// none that matter.
std::optional<std::string> find_rival_configuration(const std::string& path);

}  // namespace flanneld
