// Times calls of a plugin: starts it COUNT times, PARALLEL at once, each for a container and pod
// namespace of its own, numbered from FIRST, and prints one line of JSON. posix_spawn and wait, nothing
// between. Usage: bench_driver PLUGIN CONFIG_FILE VERB FIRST COUNT PARALLEL NETNS_PREFIX CNI_PATH comes from
// the environment. Times are in milliseconds, and in the order in which the calls ended; processor time, page
// faults and peak memory are those of the plugin and of the processes it waited for.
//
// PLUGIN and CONFIG_FILE may be lists, with a comma between: then one call is all of them, one after the
// other as a runtime does it, ADD with the result of the one before and DEL from the last to the first. Where
// a configuration has "@port@", the call gets a number that is its own.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
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

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t length = 0; (length = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(length));
  return text;
}

/// A file without a name that holds the text.
int file_of(const std::string& text) {
  const int fd = ::memfd_create("bench", MFD_CLOEXEC);
  if (::write(fd, text.data(), text.size()) < 0) std::perror("bench_driver: write");
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

struct Plugin {
  std::string program, config;
};

/// A call under way: which of its plugins runs, since when the first does, and where its result goes.
struct Running {
  int number = 0;
  size_t place = 0;
  double start = 0;
  int output = -1;
  double cpu = 0;
  long rss = 0, faults = 0;
  bool failed = false;
};

struct Call {
  std::vector<Plugin> plugins;
  std::string verb, netns_prefix;

  Call(const std::string& programs, const std::string& configs, std::string verb_, std::string prefix)
      : verb(std::move(verb_)), netns_prefix(std::move(prefix)) {
    const auto files = split(configs);
    for (size_t i = 0; const std::string& program : split(programs)) {
      const int fd = ::open(files.at(i++).c_str(), O_RDONLY | O_CLOEXEC);
      plugins.push_back({program, read_all(fd)});
      ::close(fd);
    }
    if (verb == "DEL") std::reverse(plugins.begin(), plugins.end());
  }

  /// Starts the plugin at `running.place`, with the result of the one before it.
  pid_t start(Running& running) const {
    const std::string number = std::to_string(running.number);
    ::setenv("CNI_COMMAND", verb.c_str(), 1);
    ::setenv("CNI_IFNAME", "eth0", 1);
    ::setenv("CNI_CONTAINERID", ("bench" + number).c_str(), 1);
    ::setenv("CNI_NETNS", (netns_prefix + number).c_str(), 1);
    const Plugin& plugin = plugins[running.place];
    std::string config = plugin.config;
    constexpr std::string_view kPort = "\"@port@\"";
    if (const size_t at = config.find(kPort); at != std::string::npos)
      config.replace(at, kPort.size(), std::to_string(20000 + running.number));
    if (running.output >= 0) {
      ::lseek(running.output, 0, SEEK_SET);
      config.insert(config.find('{') + 1, "\"prevResult\":" + read_all(running.output) + ",");
      ::close(running.output);
      running.output = -1;
    }
    const int input = file_of(config);
    if (verb == "ADD" && running.place + 1 < plugins.size()) running.output = file_of("");
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (running.output >= 0)
      ::posix_spawn_file_actions_adddup2(&files, running.output, STDOUT_FILENO);
    else
      ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char* const argv[] = {const_cast<char*>(plugin.program.c_str()), nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, plugin.program.c_str(), &files, nullptr, argv, environ) != 0) pid = -1;
    ::posix_spawn_file_actions_destroy(&files);
    ::close(input);
    return pid;
  }
};

/// Calls numbered from `first`, at most `parallel` at a time.
Figures run(const Call& call, int first, int count, size_t parallel) {
  Figures figures;
  std::map<pid_t, Running> running;
  int started = 0;
  const auto start = [&](Running one) {
    const pid_t pid = call.start(one);
    if (pid < 0)
      ++figures.failures;
    else
      running[pid] = one;
  };
  const double begin = now_ms();
  while (started < count || !running.empty()) {
    while (started < count && running.size() < parallel)
      start({.number = first + started++, .start = now_ms()});
    int status = 0;
    rusage usage{};
    const pid_t ended = ::wait4(-1, &status, 0, &usage);
    if (ended < 0) break;
    Running one = running[ended];
    running.erase(ended);
    one.cpu += cpu_ms(usage);
    one.rss = std::max(one.rss, usage.ru_maxrss);
    one.faults += usage.ru_minflt;
    one.failed = one.failed || status != 0;
    if (++one.place < call.plugins.size() && (status == 0 || call.verb == "DEL")) {
      start(one);
      continue;
    }
    if (one.output >= 0) ::close(one.output);
    figures.times_ms.push_back(now_ms() - one.start);
    figures.cpu_ms.push_back(one.cpu);
    figures.rss_kb.push_back(static_cast<double>(one.rss));
    figures.faults.push_back(static_cast<double>(one.faults));
    if (one.failed) ++figures.failures;
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
    std::fprintf(stderr,
                 "usage: %s PLUGIN[,PLUGIN...] CONFIG_FILE[,...] VERB FIRST COUNT PARALLEL NETNS_PREFIX\n",
                 argv[0]);
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
