// Giving up the right to start programs.
#pragma once

namespace flanneld {

/// From now on neither this process nor its children can start a program: execve and execveat fail with
/// EPERM, as do all calls by the numbers of another architecture. Cannot be undone. Returns false, and does
/// nothing, while the process has other threads, which would not be bound. Throws base::SystemError where the
/// kernel lacks seccomp filters.
bool forbid_programs();

}  // namespace flanneld
