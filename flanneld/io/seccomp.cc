#include "flanneld/io/seccomp.h"

#include <seccomp.h>

#include <cerrno>
#include <memory>
#include <new>

#include "common/base/error.h"

namespace flanneld {
namespace {

void check(int result) {
  if (result < 0) throw base::SystemError(-result, "give up starting programs");
}

}  // namespace

void forbid_programs() {
  const std::unique_ptr<void, decltype(&::seccomp_release)> filter(::seccomp_init(SCMP_ACT_ALLOW),
                                                                   ::seccomp_release);
  if (!filter) throw std::bad_alloc();
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_API_SYSRAWRC, 1));  // the kernel's own errno
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1));
  check(::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)));
  for (const int call : {SCMP_SYS(execve), SCMP_SYS(execveat)})
    check(::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0));
  check(::seccomp_load(filter.get()));  // gives up new privileges too, which an agent without root must
}

}  // namespace flanneld
