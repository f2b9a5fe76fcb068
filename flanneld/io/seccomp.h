// What the agent gives up once it has no more use for it.
#pragma once

namespace flanneld {

/// From now on neither this process nor what it starts can start a program: execve and execveat fail with
/// EPERM, as do all calls by another architecture's numbers. Cannot be undone. False, and nothing is done,
/// while the process has other threads, which would not be bound. Throws base::SystemError where the
/// kernel has no seccomp filters.
bool forbid_programs();

/// Whether it has been done.
bool programs_are_forbidden();

}  // namespace flanneld
