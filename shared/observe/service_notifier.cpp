#include "shared/observe/service_notifier.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "shared/observe/logging.h"

namespace tributary {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kComponent = "service";
constexpr timeval kSendTime{.tv_sec = 2, .tv_usec = 0};

std::string value_of(const std::map<std::string, std::string>& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

// 0, or why it could not be sent.
int send_datagram(const std::string& to, std::string_view text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (to.size() > sizeof address.sun_path - 1) return ENAMETOOLONG;
  std::ranges::copy(to, address.sun_path);
  const bool is_abstract = to.starts_with('@');
  if (is_abstract) address.sun_path[0] = '\0';
  // An abstract name ends with the address, a path with a NUL.
  const auto size = offsetof(sockaddr_un, sun_path) + to.size() + (is_abstract ? 0 : 1);

  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &kSendTime, sizeof kSendTime);
  const auto sent =
      ::sendto(socket, text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size));
  const int error = sent < 0 ? errno : 0;
  ::close(socket);
  return error;
}

}  // namespace

ServiceNotifier::ServiceNotifier(const std::map<std::string, std::string>& environment)
    : socket_(value_of(environment, "NOTIFY_SOCKET")) {
  // The variables may have been inherited from a service that started us: then nobody waits for us.
  const auto watched = value_of(environment, "WATCHDOG_PID");
  if (socket_.empty() || (!watched.empty() && watched != std::to_string(::getpid()))) return;
  if (const auto time = number(value_of(environment, "WATCHDOG_USEC"))) {
    interval_ = std::clamp(std::chrono::milliseconds(*time / 2000), 1ms, 3'600'000ms);
  }
}

void ServiceNotifier::alive(const Health& parts) {
  if (!interval_) return;
  const auto report = parts.report();
  const auto stuck =
      std::ranges::find_if(report.checks, [](const auto& part) { return part.second.hangs; });
  if (stuck == report.checks.end()) return tell("WATCHDOG=1");
  log_error(kComponent, "the service manager is not told that this program works: " + stuck->first +
                            " is " + stuck->second.detail);
}

void ServiceNotifier::tell(std::string_view state) {
  if (socket_.empty()) return;
  if (const int error = send_datagram(socket_, state); error != 0) {
    log_warning(kComponent,
                "the service manager could not be told " + std::string(state) + ": " +
                    std::system_category().message(error),
                {{"NOTIFY_SOCKET", socket_}});
  }
}

}  // namespace tributary
