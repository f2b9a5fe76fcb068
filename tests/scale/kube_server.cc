#include "tests/scale/kube_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <exception>
#include <utility>

#include "common/base/error.h"

namespace scale {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::string_view kNodes = "/api/v1/nodes", kHeadEnd = "\r\n\r\n";
constexpr size_t kMostRequest = 64 << 10, kMostPieces = 64;
constexpr milliseconds kSnapshotAge(200);  // a list may be so old if its client does not ask for a newer one
constexpr seconds kBookmarkGap(60);

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// What stands behind `name` in `text`, up to `end`; empty: nothing does.
std::string_view after(std::string_view text, std::string_view name, std::string_view end) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + name.size());
  return rest.substr(0, rest.find(end));
}

std::shared_ptr<const std::string> chunk(std::string_view type, std::string_view object) {
  const std::string line = fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
  return std::make_shared<const std::string>(fmt::format("{:x}\r\n{}\r\n", line.size(), line));
}

std::shared_ptr<const std::string> whole_answer(int status, std::string_view body) {
  return std::make_shared<const std::string>(
      fmt::format("HTTP/1.1 {} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
                  body.size(), body));
}

std::string status_text(int status, std::string_view reason) {
  return fmt::format(R"({{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"{2}","message":"{0}",)"
                     R"("reason":"{0}","code":{1}}})",
                     reason, status, status == 200 ? "Success" : "Failure");
}

std::string list_text(uint64_t version, uint32_t next, std::string_view items) {
  return fmt::format(
      R"({{"kind":"NodeList","apiVersion":"v1","metadata":{{"resourceVersion":"{}"{}}},"items":[{}]}})",
      version, next == 0 ? "" : fmt::format(R"(,"continue":"{}")", next), items);
}

}  // namespace

std::string KubeServer::Request::parameter(std::string_view name) const {
  const std::string all = fmt::format("&{}", query);
  return std::string(after(all, fmt::format("&{}=", name), "&"));
}

KubeCluster::Form KubeServer::Request::form() const {
  return accept.find("as=PartialObjectMetadata") == std::string_view::npos ? Form::whole : Form::metadata;
}

KubeServer::KubeServer(flanneld::EventLoop& loop, KubeCluster& cluster, uint16_t port)
    : loop_(loop),
      cluster_(cluster),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      tick_(loop, [this] { tick(); }) {
  const int yes = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), SOMAXCONN) != 0)
    throw base::SystemError(errno, fmt::format("listen at port {}", port));
  loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept_all(); });
  tick_.start(kBookmarkGap);
}

// --- connections ------------------------------------------------------------------------------------------

void KubeServer::accept_all() {
  const int yes = 1;
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    clients_[fd].fd.reset(fd);
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t events) { ready(fd, events); });
  }
}

void KubeServer::ready(int fd, uint32_t events) {
  Client& client = clients_.at(fd);
  if ((events & EPOLLOUT) != 0) flush(client);
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && !read(client)) close(fd);
}

bool KubeServer::read(Client& client) {
  std::array<char, 16384> bytes{};
  for (;;) {
    const ssize_t got = ::recv(client.fd.get(), bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) return false;
    client.in.append(bytes.data(), static_cast<size_t>(got));
    if (client.in.size() > kMostRequest) return false;
  }
  while (take_request(client)) continue;
  return true;
}

bool KubeServer::take_request(Client& client) {
  const std::string_view all = client.in;
  const size_t end = all.find(kHeadEnd);
  if (end == std::string_view::npos) return false;
  const std::string_view head = all.substr(0, end + 2);
  const size_t body = number(after(head, "\r\nContent-Length: ", "\r\n"));
  const size_t size = end + kHeadEnd.size() + body;
  if (all.size() < size) return false;
  Request request;
  request.method = head.substr(0, head.find(' '));
  const std::string_view target = after(head, " ", " ");
  const size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  request.accept = after(head, "\r\nAccept: ", "\r\n");
  request.body = all.substr(size - body, body);
  serve(client, request);
  client.in.erase(0, size);
  return true;
}

void KubeServer::send(Client& client, Text text) {
  client.out.push_back(std::move(text));
  if (!client.waits) flush(client);
}

void KubeServer::flush(Client& client) {
  const int fd = client.fd.get();
  while (!client.out.empty()) {
    std::array<iovec, kMostPieces> pieces{};
    const size_t count = std::min(client.out.size(), kMostPieces);
    for (size_t i = 0; i < count; ++i)
      pieces.at(i) = {const_cast<char*>(client.out[i]->data()), client.out[i]->size()};
    pieces[0].iov_base = static_cast<char*>(pieces[0].iov_base) + client.sent;
    pieces[0].iov_len -= client.sent;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const ssize_t taken = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) client.out.clear();  // the loop tells that it is gone
    if (taken < 0) break;
    client.sent += static_cast<size_t>(taken);
    while (!client.out.empty() && client.sent >= client.out.front()->size()) {
      client.sent -= client.out.front()->size();
      client.out.pop_front();
    }
  }
  if (client.waits == !client.out.empty()) return;
  client.waits = !client.out.empty();
  loop_.watch(fd, client.waits ? EPOLLIN | EPOLLOUT : EPOLLIN,
              [this, fd](uint32_t events) { ready(fd, events); });
}

void KubeServer::close(int fd) {
  loop_.unwatch(fd);
  clients_.erase(fd);
}

// --- requests ---------------------------------------------------------------------------------------------

void KubeServer::answer(Client& client, int status, std::string_view body) {
  send(client, whole_answer(status, body));
}

void KubeServer::refuse(Client& client, int status, std::string_view reason) {
  answer(client, status, status_text(status, reason));
}

void KubeServer::serve(Client& client, const Request& request) {
  constexpr std::string_view kStatus = "/status";
  if (request.path == "/readyz") return answer(client, 200, "ok");
  if (!request.path.starts_with(kNodes)) return refuse(client, 404, "NotFound");
  if (request.path == kNodes)
    return request.parameter("watch") == "true" ? watch(client, request) : list(client, request);
  std::string_view name = request.path.substr(kNodes.size() + 1);
  if (request.method == "DELETE") return replace(client, std::string(name));
  if (request.method != "PATCH") return read_one(client, request, std::string(name));
  if (name.ends_with(kStatus)) name.remove_suffix(kStatus.size());
  patch(client, request, std::string(name));
}

void KubeServer::read_one(Client& client, const Request& request, const std::string& name) {
  cluster_.ask(Ask::read);
  const uint32_t node = cluster_.find(name);
  if (node == cluster_.size()) return refuse(client, 404, "NotFound");
  answer(client, 200, cluster_.node(node, request.form()));
}

void KubeServer::patch(Client& client, const Request& request, const std::string& name) {
  cluster_.ask(Ask::put);
  const uint32_t node = cluster_.find(name);
  if (node == cluster_.size()) return refuse(client, 404, "NotFound");
  bool has_changed = false;
  try {
    has_changed = cluster_.patch(node, std::string(request.body));
  } catch (const std::exception&) {
    return refuse(client, 400, "BadRequest");
  }
  answer(client, 200, cluster_.node(node, request.form()));
  if (has_changed) tell_changes(1);
}

void KubeServer::replace(Client& client, const std::string& name) {
  const uint32_t node = cluster_.find(name);
  if (node == cluster_.size()) return refuse(client, 404, "NotFound");
  cluster_.replace(node);
  answer(client, 200, status_text(200, "replaced"));
  tell_changes(2);
}

/// With resourceVersion a server ignores the limit.
void KubeServer::list(Client& client, const Request& request) {
  const auto limit = static_cast<uint32_t>(number(request.parameter("limit")));
  cluster_.ask(limit == 1 ? Ask::probe : Ask::page);
  const std::string version = request.parameter("resourceVersion");
  if (version.empty()) return list_page(client, request, limit == 0 ? cluster_.size() : limit);
  if (number(version) > cluster_.version()) return refuse(client, 504, "Timeout");
  list_all(client, number(version));
}

void KubeServer::list_page(Client& client, const Request& request, uint32_t limit) {
  const auto first = std::min(static_cast<uint32_t>(number(request.parameter("continue"))), cluster_.size());
  const uint32_t end = std::min(first + limit, cluster_.size());
  std::string items;
  for (uint32_t i = first; i < end; ++i) {
    if (i != first) items += ',';
    items.append(cluster_.node(i, request.form()));
  }
  answer(client, 200, list_text(cluster_.version(), end == cluster_.size() ? 0 : end, items));
}

void KubeServer::list_all(Client& client, uint64_t at_least) {
  const auto now = Clock::now();
  const bool is_good = snapshot_.answer && snapshot_.version >= at_least &&
                       (snapshot_.version == cluster_.version() || now - snapshot_.made < kSnapshotAge);
  if (!is_good) {
    std::string items;
    for (uint32_t i = 0; i < cluster_.size(); ++i) {
      if (i != 0) items += ',';
      items.append(cluster_.node(i, Form::whole));
    }
    snapshot_ = {cluster_.version(), now, whole_answer(200, list_text(cluster_.version(), 0, items))};
  }
  send(client, snapshot_.answer);
}

// --- watches ----------------------------------------------------------------------------------------------

void KubeServer::watch(Client& client, const Request& request) {
  cluster_.ask(Ask::watch);
  const uint64_t seen = number(request.parameter("resourceVersion"));
  send(client, std::make_shared<const std::string>(
                   "HTTP/1.1 200 -\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
  if (seen < cluster_.oldest()) {
    send(client, chunk("ERROR", status_text(410, "Expired")));
    return send(client, std::make_shared<const std::string>("0\r\n\r\n"));
  }
  client.watches = true;
  client.form = request.form();
  client.watch_ends = Clock::now() + seconds(number(request.parameter("timeoutSeconds")));
  size_t first = cluster_.changes();
  while (first > 0 && cluster_.change(first - 1).version > seen) --first;
  for (size_t i = first; i < cluster_.changes(); ++i) send(client, event(i, client.form));
}

void KubeServer::tell_changes(size_t count) {
  for (size_t i = cluster_.changes() - count; i < cluster_.changes(); ++i) {
    const Text whole = event(i, Form::whole), metadata = event(i, Form::metadata);
    for (auto& [fd, client] : clients_)
      if (client.watches) send(client, client.form == Form::whole ? whole : metadata);
  }
}

KubeServer::Text KubeServer::event(size_t change, Form form) const {
  constexpr std::array kTypes{"ADDED", "MODIFIED", "DELETED"};
  return chunk(kTypes.at(static_cast<size_t>(cluster_.change(change).kind)),
               cluster_.node_then(change, form));
}

void KubeServer::tick() {
  tick_.start(kBookmarkGap);
  const Text bookmark = chunk(
      "BOOKMARK", fmt::format(R"({{"kind":"Node","apiVersion":"v1","metadata":{{"resourceVersion":"{}"}}}})",
                              cluster_.version()));
  const auto end = std::make_shared<const std::string>("0\r\n\r\n");
  const auto now = Clock::now();
  for (auto& [fd, client] : clients_) {
    if (!client.watches) continue;
    client.watches = now < client.watch_ends;
    send(client, client.watches ? bookmark : end);
  }
}

void run_kube_server(int memory, uint16_t port) {
  KubeCluster cluster(memory);
  flanneld::EventLoop loop;
  KubeServer server(loop, cluster, port);
  loop.run();
}

}  // namespace scale
