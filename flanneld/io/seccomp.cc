#include "flanneld/io/seccomp.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "common/base/error.h"

namespace flanneld {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_S390X;
#else
#error "name the architecture as linux/audit.h does"
#endif

/// On x86-64 the numbers of the x32 ABI, whose execve is another one; elsewhere there are none so high.
constexpr uint32_t kOtherNumbers = 0x40000000;

constexpr sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
/// Skips `instructions` if the loaded word compares so with `value`.
constexpr sock_filter skip_if(uint16_t comparison, uint32_t value, uint8_t instructions) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), value, instructions, 0);
}
bool is_done = false;

constexpr sock_filter answer(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

}  // namespace

bool forbid_programs() {
  struct stat tasks {};  // has a link for each thread, besides its own two
  if (::stat("/proc/self/task", &tasks) != 0) base::throw_errno("count the threads in /proc/self/task");
  if (tasks.st_nlink != 3) return false;
  std::array<sock_filter, 8> filter{
      load(offsetof(seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 5),
      load(offsetof(seccomp_data, nr)),   skip_if(BPF_JEQ, SYS_execve, 3),
      skip_if(BPF_JEQ, SYS_execveat, 2),  skip_if(BPF_JGE, kOtherNumbers, 1),
      answer(SECCOMP_RET_ALLOW),          answer(SECCOMP_RET_ERRNO | EPERM),
  };
  const sock_fprog program{filter.size(), filter.data()};
  // The kernel asks for this of who is not root.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) base::throw_errno("give up new privileges");
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    base::throw_errno("give up starting programs");
  return is_done = true;
}

bool programs_are_forbidden() { return is_done; }

}  // namespace flanneld
