// Times calls of a plugin: starts it COUNT times, PARALLEL at once, each for a container and pod
// namespace of its own, and prints one line of JSON. posix_spawn and wait, nothing between.
// Usage: bench_driver PLUGIN CONFIG_FILE VERB COUNT PARALLEL NETNS_PREFIX
// CNI_PATH comes from the environment. Times are in milliseconds.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <vector>

namespace {

double now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double cpu_ms(const rusage& usage) {
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

struct Call {
  std::string plugin, config, verb, netns_prefix;

  [[nodiscard]] pid_t start(int number) const {
    ::setenv("CNI_COMMAND", verb.c_str(), 1);
    ::setenv("CNI_IFNAME", "eth0", 1);
    ::setenv("CNI_CONTAINERID", ("bench" + std::to_string(number)).c_str(), 1);
    ::setenv("CNI_NETNS", (netns_prefix + std::to_string(number)).c_str(), 1);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, config.c_str(), O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char* const argv[] = {const_cast<char*>(plugin.c_str()), nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, plugin.c_str(), &files, nullptr, argv, environ) != 0) pid = -1;
    ::posix_spawn_file_actions_destroy(&files);
    return pid;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "usage: %s PLUGIN CONFIG_FILE VERB COUNT PARALLEL NETNS_PREFIX\n", argv[0]);
    return 2;
  }
  const Call call{argv[1], argv[2], argv[3], argv[6]};
  const int count = std::atoi(argv[4]);
  const size_t parallel = static_cast<size_t>(std::atoi(argv[5]));
  std::map<pid_t, double> running;
  std::vector<double> times;
  int failures = 0;
  int started = 0;
  const double begin = now_ms();
  while (started < count || !running.empty()) {
    while (started < count && running.size() < parallel) {
      const double start = now_ms();
      const pid_t pid = call.start(started++);
      if (pid < 0)
        ++failures;
      else
        running[pid] = start;
    }
    int status = 0;
    const pid_t ended = ::wait(&status);
    if (ended < 0) break;
    times.push_back(now_ms() - running[ended]);
    running.erase(ended);
    if (status != 0) ++failures;
  }
  const double total = now_ms() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  std::printf("{\"failures\":%d,\"total_ms\":%.3f,\"cpu_ms\":%.3f,\"max_rss_kb\":%ld,\"times_ms\":[",
              failures, total, cpu_ms(usage) / std::max(1, count), usage.ru_maxrss);
  for (size_t i = 0; i < times.size(); ++i) std::printf("%s%.4f", i ? "," : "", times[i]);
  std::printf("]}\n");
  return failures == 0 ? 0 : 1;
}
