#pragma once

#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>

namespace tributary {

// SIGTERM and SIGINT, as something that a thread waits for. Made first thing in main(), before any
// thread: it blocks both in every thread from then on (and has SIGPIPE ignored). wait() is for one
// thread.
class Termination {
 public:
  Termination();

  // "SIGTERM" or "SIGINT" when one came; nothing after `time`.
  [[nodiscard]] std::optional<std::string_view> wait(std::chrono::milliseconds time) const;

 private:
  sigset_t signals_;
};

}  // namespace tributary
