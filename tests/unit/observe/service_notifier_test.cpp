#include "shared/observe/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "tests/unit/observe/captured_log.h"

using namespace tributary;
using namespace tributary::test;
using namespace std::chrono_literals;

namespace {

using Environment = std::map<std::string, std::string>;

// The service manager's end of the protocol, at a path or an abstract name.
class Manager {
 public:
  explicit Manager(std::string name)
      : name_(std::move(name)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, sizeof address.sun_path - 1);
    if (is_abstract()) address.sun_path[0] = '\0';
    const auto size = offsetof(sockaddr_un, sun_path) + name_.size() + (is_abstract() ? 0 : 1);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(size)) == 0);
  }
  ~Manager() {
    ::close(socket_);
    if (!is_abstract()) std::filesystem::remove(name_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // What it has been told and has not read yet, in order.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    std::array<char, 256> text{};
    for (;;) {
      const auto size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
      if (size < 0) return all;
      all.emplace_back(text.data(), static_cast<std::size_t>(size));
    }
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] bool is_abstract() const { return name_.starts_with('@'); }

  std::string name_;
  int socket_;
};

std::string path_in_tmp() {
  std::string directory = "/tmp/tributary-notify-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  return directory + "/socket";
}

Environment watched(const Manager& manager, const std::string& time = "30000000") {
  return {{"NOTIFY_SOCKET", manager.name()},
          {"WATCHDOG_USEC", time},
          {"WATCHDOG_PID", std::to_string(::getpid())}};
}

}  // namespace

TEST_CASE("a service manager is told that a program serves, works and ends") {
  const auto name =
      GENERATE(as<std::string>{}, path_in_tmp(), "@tributary-notify-" + std::to_string(::getpid()));
  {
    Manager manager(name);
    ServiceNotifier service(watched(manager));
    service.ready();
    service.alive(Health());
    service.stopping();
    REQUIRE(manager.told() == std::vector<std::string>{"READY=1", "WATCHDOG=1", "STOPPING=1"});
  }
  if (name.starts_with('/')) std::filesystem::remove(std::filesystem::path(name).parent_path());
}

TEST_CASE("a program says that it works twice within the time that it is given") {
  Manager manager("@tributary-interval-" + std::to_string(::getpid()));
  const auto interval = [&](const std::string& time) {
    return ServiceNotifier(watched(manager, time)).alive_interval();
  };
  REQUIRE(interval("30000000") == 15s);
  REQUIRE(interval("1000") == 1ms);                 // never in a loop without a pause
  REQUIRE(interval("18446744073709551615") == 1h);  // infinity
  REQUIRE_FALSE(interval("0"));
  REQUIRE_FALSE(interval("soon"));
  REQUIRE_FALSE(interval(""));
}

TEST_CASE("nobody waits for a program whose watchdog variables are another process's") {
  Manager manager("@tributary-other-" + std::to_string(::getpid()));
  auto environment = watched(manager);
  environment["WATCHDOG_PID"] = std::to_string(::getppid());
  ServiceNotifier service(environment);
  REQUIRE_FALSE(service.alive_interval());
  service.alive(Health());
  service.ready();
  REQUIRE(manager.told() == std::vector<std::string>{"READY=1"});
}

TEST_CASE("without a service manager nothing is said") {
  CapturedLog log(LogFormat::json);
  ServiceNotifier service(Environment{{"WATCHDOG_USEC", "30000000"}});
  REQUIRE_FALSE(service.alive_interval());
  service.ready();
  service.alive(Health());
  service.stopping();
  REQUIRE(log.lines().empty());
}

TEST_CASE("a service manager that can't be reached is a warning") {
  CapturedLog log(LogFormat::json);
  const auto name = GENERATE(as<std::string>{}, "/nowhere/notify", std::string(200, '/'));
  ServiceNotifier(Environment{{"NOTIFY_SOCKET", name}}).ready();
  const auto lines = log.lines();
  REQUIRE(lines.size() == 1);
  REQUIRE_THAT(lines.front(), Catch::Matchers::Contains("could not be told READY=1"));
  REQUIRE_THAT(lines.front(), Catch::Matchers::Contains(name));
}

TEST_CASE("a program that knows that it hangs doesn't say that it works") {
  Manager manager("@tributary-knows-" + std::to_string(::getpid()));
  ServiceNotifier service(watched(manager));
  Health health;
  bool hangs = true;
  health.add("committer",
             [&] { return HealthCheck{.up = !hangs, .detail = "busy for 31 s", .hangs = hangs}; });
  CapturedLog log(LogFormat::json);
  service.alive(health);
  REQUIRE(manager.told().empty());
  REQUIRE_THAT(log.lines().at(0), Catch::Matchers::Contains("committer is busy for 31 s"));
  hangs = false;
  service.alive(health);
  REQUIRE(manager.told() == std::vector<std::string>{"WATCHDOG=1"});
}

TEST_CASE("a program with a part that is down works; one with a part that hangs doesn't say so") {
  Manager manager("@tributary-hang-" + std::to_string(::getpid()));
  ServiceNotifier service(watched(manager));
  Health health;
  std::promise<void> asked;
  std::promise<void> answer;
  std::atomic<bool> hangs = false;
  health.add("broker", [] { return HealthCheck{.up = false, .detail = "away"}; });
  health.add("buffer", [&] {
    if (hangs) {
      asked.set_value();
      answer.get_future().wait();
    }
    return HealthCheck{};
  });
  service.alive(health);
  REQUIRE(manager.told() == std::vector<std::string>{"WATCHDOG=1"});

  hangs = true;
  auto pinging = std::async(std::launch::async, [&] { service.alive(health); });
  asked.get_future().wait();
  REQUIRE(pinging.wait_for(0s) == std::future_status::timeout);
  REQUIRE(manager.told().empty());
  answer.set_value();
  pinging.wait();
  REQUIRE(manager.told() == std::vector<std::string>{"WATCHDOG=1"});
}
