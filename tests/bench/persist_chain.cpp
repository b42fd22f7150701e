#include "tests/bench/persist_chain.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>

#include "shared/base/id.h"
#include "shared/event/schema.h"
#include "tests/bench/mqtt_load.h"
#include "tests/support/services.h"

namespace tributary::bench {
namespace {

using namespace collector;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTimeMax = 300s;

// VmHWM. What wait4 tells begins with the memory of this process, from before the exec.
double peak_memory_kib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  double kib = 0;
  while (status >> word && word != "VmHWM:") continue;
  status >> kib;
  return kib;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

rusage end(pid_t process) {
  kill(process, SIGTERM);
  int status = 0;
  rusage usage{};
  require(wait4(process, &status, 0, &usage) == process, "waiting for the collector");
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the collector's end");
  return usage;
}

}  // namespace

Figures measure_events(std::size_t events, const std::function<void()>& work) {
  const auto cost = measure(work);
  const auto count = static_cast<double>(events);
  return {.events_per_second = count / cost.seconds,
          .cpu_per_100k = cost.cpu_seconds * 100'000 / count};
}

void report(const char* name, const std::vector<Figures>& figures,
            const std::vector<Figures>& bare) {
  std::vector<double> ratios;
  std::vector<double> rates;
  std::vector<double> cpu;
  std::vector<double> peak;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    ratios.push_back(figures[i].events_per_second / bare[i].events_per_second);
    rates.push_back(figures[i].events_per_second);
    cpu.push_back(figures[i].cpu_per_100k);
    peak.push_back(figures[i].peak_mib);
  }
  std::printf("%-40s ratio %5.2f   %9.0f events/s   %6.3f CPU s per 100,000 events", name,
              median(ratios), median(rates), median(cpu));
  if (median(peak) > 0) std::printf("   %.0f MiB at most", median(peak));
  std::printf("\n");
}

PersistChain::PersistChain(std::string program, std::string pipeline,
                           const std::vector<std::string>& events)
    : program_(std::move(program)),
      pipeline_(std::move(pipeline)),
      events_(events.size()),
      kafka_(kafka_address()),
      topic_("bench-" + Id::random().text().substr(0, 8)) {
  produce(events);
}

Figures PersistChain::persist(const std::string& store) {
  const auto group = "bench-" + Id::random().text().substr(0, 8);
  const auto watch = open_stream(group);
  const auto process = start_collector(group, store);
  const auto deadline = Clock::now() + kTimeMax;
  std::optional<Clock::time_point> begun;
  std::uint64_t before = 0;
  for (;; std::this_thread::sleep_for(20ms)) {
    require(Clock::now() < deadline, "persisting in time");
    require(waitpid(process, nullptr, WNOHANG) == 0, "keeping the collector running");
    const auto account = watch->account();
    if (account && account->totals.settled() > 0) {
      if (!begun) {
        begun = Clock::now();
        before = account->totals.settled();
      }
      if (account->lag == 0) break;
    }
  }
  const auto seconds = seconds_since(*begun);
  const auto peak_kib = peak_memory_kib(process);
  const auto usage = end(process);
  const auto cpu = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const auto events = static_cast<double>(events_);
  return {.events_per_second = (events - static_cast<double>(before)) / seconds,
          .cpu_per_100k = (cpu(usage.ru_utime) + cpu(usage.ru_stime)) * 100'000 / events,
          .peak_mib = peak_kib / 1024};
}

std::unique_ptr<Stream> PersistChain::open_stream(const std::string& group) {
  KafkaStreamOptions options{
      .cluster = {.brokers = kafka_}, .pipeline = pipeline_, .topic = topic_, .group = group};
  return *open_kafka_stream(std::move(options), clock_, metrics_);
}

// As ingest does it.
void PersistChain::produce(const std::vector<std::string>& events) {
  const auto stream = open_stream("producing");
  const auto producer = stream->make_producer();
  const auto schema = *Schema::built_in(pipeline_);
  Envelope envelope;
  envelope.received_at = clock_.now();
  envelope.pipeline = pipeline_;
  envelope.schema = schema.id();
  envelope.source = "http";
  std::size_t durable = 0;
  const auto deadline = Clock::now() + kTimeMax;
  for (std::size_t next = 0; durable < events.size();) {
    require(Clock::now() < deadline, "producing in time");
    while (next < events.size()) {
      envelope.event = events[next];
      const auto key = "key_" + std::to_string(next % 50);
      if (!producer->append({.envelope = envelope, .partition_key = key, .token = next})) break;
      ++next;
    }
    for (const auto& delivery : producer->poll(100ms)) {
      require(!delivery.error, "producing");
      ++durable;
    }
  }
}

pid_t PersistChain::start_collector(const std::string& group, const std::string& store) const {
  const std::string pipeline = "pipeline=[{name = \"" + pipeline_ + "\", stream = \"kafka://" +
                               kafka_ + "\", topic = \"" + topic_ + "\", group = \"" + group +
                               "\", store = \"" + store + "\"}]";
  std::vector<std::string> words{program_, "run",    "--set", "roles=[\"persist\"]",
                                 "--set",  pipeline, "--set", "http.listen=[\"127.0.0.1:0\"]"};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "bench_persist.log",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t process = -1;
  require(
      posix_spawn(&process, program_.c_str(), &actions, nullptr, arguments.data(), environ) == 0,
      "starting the collector");
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

}  // namespace tributary::bench
