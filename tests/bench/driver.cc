// Times calls of a plugin: starts it COUNT times, PARALLEL at once, each for a container and pod
// namespace of its own, numbered from FIRST, and prints one line of JSON. posix_spawn and wait, nothing
// between. Usage: bench_driver PLUGIN CONFIG_FILE VERB FIRST COUNT PARALLEL NETNS_PREFIX CNI_PATH comes from
// the environment. Times are in milliseconds, and in the order in which the calls ended; processor time, page
// faults and peak memory are those of the plugin and of the processes it waited for.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

struct Figures {
  std::vector<double> times_ms, cpu_ms, rss_kb, faults;
  int failures = 0;
  double total_ms = 0;
};

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

/// Calls numbered from `first`, at most `parallel` at a time.
Figures run(const Call& call, int first, int count, size_t parallel) {
  Figures figures;
  std::map<pid_t, double> running;
  int started = 0;
  const double begin = now_ms();
  while (started < count || !running.empty()) {
    while (started < count && running.size() < parallel) {
      const double start = now_ms();
      const pid_t pid = call.start(first + started++);
      if (pid < 0)
        ++figures.failures;
      else
        running[pid] = start;
    }
    int status = 0;
    rusage usage{};
    const pid_t ended = ::wait4(-1, &status, 0, &usage);
    if (ended < 0) break;
    figures.times_ms.push_back(now_ms() - running[ended]);
    figures.cpu_ms.push_back(cpu_ms(usage));
    figures.rss_kb.push_back(static_cast<double>(usage.ru_maxrss));
    figures.faults.push_back(static_cast<double>(usage.ru_minflt));
    running.erase(ended);
    if (status != 0) ++figures.failures;
  }
  figures.total_ms = now_ms() - begin;
  return figures;
}

void print_list(const char* name, const std::vector<double>& values) {
  std::printf(",\"%s\":[", name);
  for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.10g", i ? "," : "", values[i]);
  std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: %s PLUGIN CONFIG_FILE VERB FIRST COUNT PARALLEL NETNS_PREFIX\n", argv[0]);
    return 2;
  }
  const Figures figures = run({argv[1], argv[2], argv[3], argv[7]}, std::atoi(argv[4]), std::atoi(argv[5]),
                              static_cast<size_t>(std::atoi(argv[6])));
  std::printf("{\"failures\":%d,\"total_ms\":%.10g", figures.failures, figures.total_ms);
  print_list("times_ms", figures.times_ms);
  print_list("cpu_ms", figures.cpu_ms);
  print_list("rss_kb", figures.rss_kb);
  print_list("faults", figures.faults);
  std::printf("}\n");
}
