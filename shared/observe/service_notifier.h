#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/observe/health.h"

namespace tributary {

// Tells the service manager that started this program how it is: one datagram each, as sd_notify(3)
// describes the protocol. Without a service manager (no NOTIFY_SOCKET) nothing is said. What can't
// be sent is a warning in the log: the program goes on. For one thread.
class ServiceNotifier {
 public:
  // `environment` of this process: NOTIFY_SOCKET (a path, or "@" and an abstract name),
  // WATCHDOG_USEC, WATCHDOG_PID.
  explicit ServiceNotifier(const std::map<std::string, std::string>& environment);

  void ready() { tell("READY=1"); }        // it serves
  void stopping() { tell("STOPPING=1"); }  // it ends, and may take its time
  // Asks every part, and when all have answered, up or down, says that the program works. When one
  // says that it hangs, or hangs in a lock and keeps this from returning, the service manager hears
  // nothing, kills the program, and starts it again.
  void alive(const Health& parts);
  // How often alive() is expected: half of the time after which the program is given up. None when
  // nobody waits for it.
  [[nodiscard]] std::optional<std::chrono::milliseconds> alive_interval() const {
    return interval_;
  }

 private:
  void tell(std::string_view state);

  std::string socket_;
  std::optional<std::chrono::milliseconds> interval_;
};

}  // namespace tributary
