// Giving up the right to start programs.
#pragma once

namespace flanneld {

/// From now on neither this process, with all its threads, nor its children can start a program: execve and
/// execveat fail with EPERM, as do all calls by the numbers of another architecture. Cannot be undone. Throws
/// base::SystemError where the kernel lacks seccomp filters.
void forbid_programs();

}  // namespace flanneld
