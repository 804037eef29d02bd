#include "tandem/serving/app/address_watch.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "tandem/base/thread_annotations.h"

namespace tandem::app {
namespace {

constexpr std::chrono::milliseconds kFirstAnswer(200);
constexpr std::chrono::milliseconds kBetweenRefreshes(250);

Status BadTarget(std::string_view target) {
  return InvalidArgumentError("'", target,
                              "' is no HOST:PORT such as user-model:8500, 10.0.0.7:8500 or "
                              "[::1]:8500");
}

// One of getaddrinfo's answers, as gRPC takes it; empty for a family that is not IP.
std::string AddressText(const addrinfo& found, const std::string& port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (found.ai_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, found.ai_addr, sizeof(address));
    inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    return StrCat("ipv4:", text.data(), ":", port);
  }
  if (found.ai_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, found.ai_addr, sizeof(address));
    inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return StrCat("ipv6:%5B", text.data(), "%5D:", port);
  }
  return "";
}

Result<std::vector<std::string>> LookUp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) return UnavailableError("cannot resolve ", host, ": ", gai_strerror(error));
  std::vector<std::string> all;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    std::string address = AddressText(*one, port);
    if (!address.empty()) all.push_back(std::move(address));
  }
  freeaddrinfo(list);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

Result<Resolver> SystemResolver(std::string_view target) {
  const size_t colon = target.rfind(':');
  if (colon == std::string_view::npos) return BadTarget(target);
  std::string_view host = target.substr(0, colon);
  const std::string_view port = target.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return BadTarget(target);
  }
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (host.empty() || host.find('/') != std::string_view::npos || error != std::errc() ||
      end != port.data() + port.size() || number < 1 || number > 65535) {
    return BadTarget(target);
  }
  return Resolver(
      [host = std::string(host), port = std::string(port)] { return LookUp(host, port); });
}

struct AddressWatch::State {
  State(Resolver ask, std::chrono::milliseconds each,
        std::function<void(const Result<std::vector<std::string>>&)> tell)
      : resolve(std::move(ask)), interval(each), found(std::move(tell)) {}

  void Run() TANDEM_EXCLUDES(mutex) {
    while (Begin()) {
      const Result<std::vector<std::string>> answer = resolve();
      Tell(answer);
      WaitUntilDue();
    }
  }

  // False where there is nobody to look up for.
  bool Begin() TANDEM_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    wanted = false;
    looking = !stopped;
    return looking;
  }
  // Under the lock, so that nobody is told after the end.
  void Tell(const Result<std::vector<std::string>>& answer) TANDEM_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    looking = false;
    if (stopped) return;
    found(answer);
    answered = true;
    changed.NotifyAll();
  }
  // For the interval, or for a refresh that is not too soon.
  void WaitUntilDue() TANDEM_EXCLUDES(mutex) {
    const auto begin = std::chrono::steady_clock::now();
    MutexLock lock(mutex);
    while (!stopped) {
      const auto due = begin + (wanted ? std::min(interval, kBetweenRefreshes) : interval);
      const auto left = due - std::chrono::steady_clock::now();
      if (left <= std::chrono::steady_clock::duration::zero()) return;
      changed.WaitFor(mutex, left);
    }
  }
  void WaitForFirst() TANDEM_EXCLUDES(mutex) {
    const auto until = std::chrono::steady_clock::now() + kFirstAnswer;
    MutexLock lock(mutex);
    while (!answered) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= std::chrono::steady_clock::duration::zero()) return;
      changed.WaitFor(mutex, left);
    }
  }

  const Resolver resolve;
  const std::chrono::milliseconds interval;
  const std::function<void(const Result<std::vector<std::string>>&)> found;

  Mutex mutex;
  CondVar changed;
  bool stopped TANDEM_GUARDED_BY(mutex) = false;
  bool wanted TANDEM_GUARDED_BY(mutex) = false;
  bool answered TANDEM_GUARDED_BY(mutex) = false;
  bool looking TANDEM_GUARDED_BY(mutex) = false;
};

AddressWatch::AddressWatch(Resolver resolve, std::chrono::milliseconds interval,
                           std::function<void(const Result<std::vector<std::string>>&)> found)
    : state_(std::make_shared<State>(std::move(resolve), interval, std::move(found))),
      thread_([state = state_] { state->Run(); }) {
  state_->WaitForFirst();
}

AddressWatch::~AddressWatch() {
  bool looking = false;
  {
    MutexLock lock(state_->mutex);
    state_->stopped = true;
    looking = state_->looking;
    state_->changed.NotifyAll();
  }
  if (looking) {
    thread_.detach();  // the system's resolver cannot be interrupted; it ends into nothing
  } else {
    thread_.join();
  }
}

void AddressWatch::Refresh() {
  MutexLock lock(state_->mutex);
  if (state_->wanted) return;
  state_->wanted = true;
  state_->changed.NotifyAll();
}

}  // namespace tandem::app
