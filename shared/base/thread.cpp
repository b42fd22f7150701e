#include "shared/base/thread.h"

#include <pthread.h>

#include <utility>

namespace tributary {
namespace {

constexpr std::size_t kNameSizeMax = 15;

}  // namespace

Thread::Thread(std::string name, std::move_only_function<void(const std::stop_token&)> body) {
  name.resize(std::min(name.size(), kNameSizeMax));
  auto* const simulated = scheduler();
  if (simulated != nullptr) simulated_ = simulated->add_thread();
  thread_ = std::jthread([name = std::move(name), body = std::move(body), simulated,
                          id = simulated_](const std::stop_token& stop) mutable {
    pthread_setname_np(pthread_self(), name.c_str());
    if (simulated != nullptr) simulated->begin_thread(id);
    body(stop);
    if (simulated != nullptr) simulated->end_thread(id);
  });
}

Thread::~Thread() {
  if (!joinable()) return;
  request_stop();
  join();
}

Thread& Thread::operator=(Thread&& other) noexcept {
  Thread old(std::move(*this));
  simulated_ = std::exchange(other.simulated_, nullptr);
  thread_ = std::move(other.thread_);
  return *this;
}

void Thread::join() {
  if (simulated_ != nullptr) scheduler()->await_thread(std::exchange(simulated_, nullptr));
  thread_.join();
}

void sleep_for(std::chrono::nanoseconds time) {
  if (auto* simulated = scheduler()) {
    simulated->wait(nullptr, simulated->now() + time);
  } else {
    std::this_thread::sleep_for(time);
  }
}

}  // namespace tributary
