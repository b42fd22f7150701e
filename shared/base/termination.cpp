#include "shared/base/termination.h"

#include <ctime>

namespace tributary {

Termination::Termination() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<std::string_view> Termination::wait(std::chrono::milliseconds time) const {
  const timespec limit{.tv_sec = static_cast<std::time_t>(time.count() / 1000),
                       .tv_nsec = static_cast<long>(time.count() % 1000) * 1'000'000};
  switch (sigtimedwait(&signals_, nullptr, &limit)) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    default:
      return std::nullopt;  // the time is over; or it was stopped and goes on: EINTR
  }
}

}  // namespace tributary
