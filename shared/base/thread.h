#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "shared/base/scheduler.h"

namespace tributary {

// A thread that is asked to stop and joined at its end (std::jthread), with a name that debuggers
// and `top -H` show. A simulation decides when it runs (Scheduler).
class Thread {
 public:
  Thread() = default;
  // `name` has at most 15 characters.
  Thread(std::string name, std::move_only_function<void(const std::stop_token&)> body);
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread&& other) noexcept;
  ~Thread();

  void request_stop() { thread_.request_stop(); }
  [[nodiscard]] bool joinable() const { return thread_.joinable(); }
  void join();

 private:
  Scheduler::ThreadId simulated_ = nullptr;
  std::jthread thread_;
};

// The calling thread does nothing for so long.
void sleep_for(std::chrono::nanoseconds time);

}  // namespace tributary
