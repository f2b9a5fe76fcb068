#include "cni-ipam/store/store_error.h"

#include <cerrno>

namespace ipam {
namespace {

const char* advice_for(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "the file system is full (see df and df -i): make room";
    case EROFS:
      return "the file system is read-only: remount it writable, or point ipam.dataDir to one that is";
    case EACCES:
    case EPERM:
      return "the plugin must run as root; look at the directory's owner, attributes and security labels";
    case ENOTDIR:
      return "a file is in the way of the directory; remove it, or change ipam.dataDir";
    default:
      return "";
  }
}

}  // namespace

cni::Error store_error(const std::string& doing, const base::SystemError& error) {
  const int number = error.error_number();
  return {cni::code_of(number), fmt::format("{}: {}", doing, base::errno_text(number)), advice_for(number)};
}

}  // namespace ipam
