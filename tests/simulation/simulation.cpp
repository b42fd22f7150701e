#include "tests/simulation/simulation.h"

#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "tests/simulation/processes.h"

namespace tributary::simulation {
namespace {

using namespace std::chrono_literals;
using test::Crash;
using test::Operation;
using Time = Scheduler::Time;

constexpr std::uint64_t kHandOversMost = 3000;  // in one second, by all threads together
constexpr auto kRest = 1200s;  // of simulated time, for everything to arrive after the last fault

// A process with its disk, which is started again after each of its ends.
template <class Process>
struct Host {
  explicit Host(BatonScheduler& scheduler) : disk(scheduler) {}

  std::string name;
  SimulatedDisk disk;
  std::function<Result<std::unique_ptr<Process>>(Host&)> start;
  std::unique_ptr<Process> process;
  Time up_at{};  // when it is started again
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, bool told)
      : told_(told),
        scheduler_(seed),
        clock_(scheduler_),
        broker_(scheduler_, {}),
        collector_(scheduler_) {
    choose();
  }

  Verdict run() {
    const auto begin = scheduler_.now();
    start_all();
    const auto end = scheduler_.now() + scheduler_.time_between(5s, 25s);
    while (!calm_ && scheduler_.now() < end) {
      pass(scheduler_.time_between(10ms, 1500ms));
      strike();
    }
    heal();
    const bool rested = come_to_rest();
    look_for_spinning(scheduler_.now() - begin);
    verdict_.accepted = oracle_.accepted();
    if (!rested) {
      verdict_.wrong.push_back("not everything arrived within " + std::to_string(kRest.count()) +
                               " s: " + describe());
    } else {
      for (const auto& edge : edges_) {
        const auto dropped = edge->process->dropped();
        oracle_.dropped(edge->name, dropped);
        verdict_.dropped += dropped;
      }
      auto wrong = oracle_.judge(database_, collector_.process->stream());
      verdict_.wrong.insert(verdict_.wrong.end(), wrong.begin(), wrong.end());
      const auto account = collector_.process->stream().account();
      verdict_.stored = account->totals.stored;
      verdict_.duplicates = account->totals.duplicates;
    }
    end_all();
    verdict_.seconds = std::chrono::duration<double>(scheduler_.now() - begin).count();
    verdict_.hand_overs = scheduler_.hand_overs();
    return verdict_;
  }

 private:
  Surroundings surroundings() { return {scheduler_, clock_, broker_, oracle_}; }

  // What stays the same through the run.
  void choose() {
    calm_ = scheduler_.chance(0.1);
    if (calm_) oracle_.expect_calm();
    const bool forgets = scheduler_.chance(0.6);
    weather_ = {.latency = scheduler_.time_between(1ms, 80ms),
                .receipt_loss = !calm_ && scheduler_.chance(0.5) ? 0.2 : 0,
                .receipt_repeat = scheduler_.chance(0.5) ? 0.2 : 0,
                .queue_loss = !calm_ && forgets && scheduler_.chance(0.5) ? 0.1 : 0,
                .forgets = forgets,
                .receive_maximum = scheduler_.chance(0.5) ? 65'535 : scheduler_.between(1, 6)};
    broker_.set_weather(weather_);
    tell(std::string("a broker that ") + (forgets ? "forgets" : "keeps") +
         " its queues, Receive Maximum " + std::to_string(weather_.receive_maximum));
    database_.latency = scheduler_.time_between(1ms, 150ms);
    stream_size_ = scheduler_.chance(0.5) ? 64U << 10 : 8U << 10;
    const auto edges = scheduler_.between(1, 2);
    for (std::uint64_t i = 0; i < edges; ++i) add_edge(i);
    const auto devices = scheduler_.between(0, 2);
    for (std::uint64_t i = 0; i < devices; ++i) {
      // A PUBACK is the broker's promise: it holds only if the broker keeps its queue.
      devices_to_start_.push_back(forgets || scheduler_.chance(0.7));
    }
    collector_.name = "collector";
    collector_.disk.set_latency(scheduler_.time_between(0ms, 30ms));
    collector_.start = [this](auto& host) {
      return CollectorProcess::start(surroundings(), host.disk, database_, stream_size_);
    };
  }

  void add_edge(std::uint64_t number) {
    auto& host = *edges_.emplace_back(std::make_unique<Host<EdgeProcess>>(scheduler_));
    host.name = "edge-" + std::to_string(number);
    host.disk.set_latency(scheduler_.time_between(0ms, 30ms));
    EdgeProcess::Options options;
    options.id = host.name;
    options.events = scheduler_.between(10, 60);
    options.receipts = weather_.forgets || scheduler_.chance(0.8);
    options.interval = scheduler_.time_between(20ms, 400ms);
    options.sync = scheduler_.chance(0.2) ? 0ms : 100ms;
    const bool small = scheduler_.chance(0.5);
    const bool drops = small && scheduler_.chance(0.5);
    options.buffer = {.pipeline = "telemetry",
                      .directory = "/buffer/telemetry",
                      .size_max = small ? 4U << 10 : 1U << 20,
                      .segment_size = small ? 1U << 10 : scheduler_.between(1U << 10, 16U << 10),
                      .when_full = drops ? edge::FullPolicy::drop_oldest : edge::FullPolicy::block};
    tell(host.name + (options.receipts ? ": receipts, " : ": PUBACKs, ") +
         std::to_string(options.events) + " events, buffer " +
         std::to_string(options.buffer.size_max) + (drops ? ", drops" : ""));
    host.start = [this, options](auto& of) {
      return EdgeProcess::start(surroundings(), of.disk, options);
    };
  }

  void start_all() {
    try_start(collector_);
    for (auto& edge : edges_) try_start(*edge);
    for (std::size_t i = 0; i < devices_to_start_.size(); ++i) {
      devices_.push_back(std::make_unique<Device>(surroundings(), "device-" + std::to_string(i),
                                                  scheduler_.between(5, 40), devices_to_start_[i]));
    }
  }

  // Lets time pass; what is down is started again when it is due.
  void pass(Time time) {
    const auto end = scheduler_.now() + time;
    do {
      scheduler_.wait(nullptr, std::min(end, scheduler_.now() + 100ms));
      look_after(collector_);
      for (auto& edge : edges_) look_after(*edge);
      if (!broker_up_ && scheduler_.now() >= broker_up_at_) start_broker();
    } while (scheduler_.now() < end);
  }

  template <class Process>
  void look_after(Host<Process>& host) {
    if (host.process && host.disk.files().crashed()) end(host, "power cut");
    if (!host.process && scheduler_.now() >= host.up_at) try_start(host);
  }

  template <class Process>
  void try_start(Host<Process>& host) {
    auto started = host.start(host);
    if (started) {
      host.process = *std::move(started);
      tell(host.name + " started");
    } else {
      tell(host.name + " did not start: " + started.error().message());
      host.disk.files().restart(Crash::process, random_);
      host.up_at = scheduler_.now() + 500ms;
    }
  }

  // Its machine stops here and now, or its process does.
  template <class Process>
  void end(Host<Process>& host, std::string_view how) {
    constexpr Crash kCrashes[] = {Crash::drop, Crash::tear, Crash::corrupt};
    const auto crash = how == "killed" ? Crash::process : kCrashes[scheduler_.between(0, 2)];
    tell(host.name + ": " + std::string(how));
    ++verdict_.faults;
    host.process->kill();
    host.disk.files().crash_after(0);
    host.process.reset();
    random_.seed(scheduler_.random());
    host.disk.files().restart(crash, random_);
    host.up_at = scheduler_.now() + scheduler_.time_between(0ms, 3s);
  }

  template <class Process>
  void strike(Host<Process>& host) {
    auto& files = host.disk.files();
    switch (scheduler_.between(0, 5)) {
      case 0:
        if (host.process) end(host, "killed");
        return;
      case 1:
        tell(host.name + ": the power goes soon");
        if (host.process) files.crash_after(scheduler_.between(1, 25));
        return;
      case 2:
        return fail(host, Operation::sync);
      case 3:
        return fail(host, scheduler_.chance(0.5) ? Operation::write : Operation::create);
      case 4:
        return fail(host, scheduler_.chance(0.5) ? Operation::read : Operation::rename);
      default:
        tell(host.name + ": the disk is full for a while");
        ++verdict_.faults;
        files.set_capacity(scheduler_.between(0, 4U << 10));
        scheduler_.at(scheduler_.now() + scheduler_.time_between(100ms, 3s),
                      [&files] { files.set_capacity(~std::uint64_t{0}); });
    }
  }

  template <class Process>
  void fail(Host<Process>& host, Operation operation) {
    // Four reads in a row are both copies of a cursor: then the totals begin anew, and say so.
    const int count = static_cast<int>(scheduler_.between(1, 3));
    tell(host.name + ": " + std::to_string(count) + " disk operations of kind " +
         std::to_string(static_cast<int>(operation)) + " fail");
    ++verdict_.faults;
    host.disk.files().fail_next(operation, scheduler_.chance(0.5) ? EIO : ENOSPC, count);
  }

  void strike() {
    switch (scheduler_.between(0, 7)) {
      case 0:
      case 1:
        return strike(collector_);
      case 2:
      case 3:
        return strike(*edges_[scheduler_.between(0, edges_.size() - 1)]);
      case 4:
        return strike_broker();
      case 5:
      case 6:
        return strike_network();
      default:
        return strike_database();
    }
  }

  void strike_broker() {
    if (!broker_up_) return;
    tell("the broker stops");
    ++verdict_.faults;
    broker_.stop();
    broker_up_ = false;
    broker_up_at_ = scheduler_.now() + scheduler_.time_between(0ms, 4s);
  }

  void start_broker() {
    tell("the broker starts");
    broker_.start();
    broker_up_ = true;
  }

  void strike_network() {
    const auto connected = broker_.connected();
    if (connected.empty()) return;
    const auto& victim = connected[scheduler_.between(0, connected.size() - 1)];
    ++verdict_.faults;
    switch (scheduler_.between(0, 2)) {
      case 0:
        tell(victim + ": its connection is silent");
        return broker_.silence(victim);
      case 1:
        tell(victim + ": its connection is reset; connects are ignored for a while");
        broker_.ignore_connects(true);
        broker_.reset(victim);
        return scheduler_.at(scheduler_.now() + scheduler_.time_between(100ms, 4s),
                             [this] { broker_.ignore_connects(false); });
      default:
        tell(victim + ": its connection is reset");
        return broker_.reset(victim);
    }
  }

  void strike_database() {
    ++verdict_.faults;
    switch (scheduler_.between(0, 2)) {
      case 0:
        tell("the database is down for a while");
        database_.down = true;
        return scheduler_.at(scheduler_.now() + scheduler_.time_between(100ms, 6s),
                             [this] { database_.down = false; });
      case 1:
        tell("answers of the database are lost now and then");
        database_.lost_answers = 0.5 - database_.lost_answers;
        return;
      default:
        tell("the database writes some of a batch now and then");
        database_.partial_writes = 0.5 - database_.partial_writes;
    }
  }

  // No more faults.
  void heal() {
    tell("healed");
    for (auto& edge : edges_) heal(edge->disk.files());
    heal(collector_.disk.files());
    broker_.ignore_connects(false);
    weather_.receipt_loss = weather_.receipt_repeat = weather_.queue_loss = 0;
    broker_.set_weather(weather_);
    database_.down = false;
    database_.lost_answers = database_.partial_writes = 0;
  }

  static void heal(test::MemoryFileSystem& files) {
    for (const auto operation : {Operation::read, Operation::write, Operation::sync,
                                 Operation::create, Operation::rename}) {
      files.fail_next(operation, EIO, 0);
    }
    files.set_capacity(~std::uint64_t{0});
  }

  // A thread that has nothing to do waits.
  void look_for_spinning(Time took) {
    const auto most = kHandOversMost * static_cast<std::uint64_t>(1 + took / 1s);
    if (scheduler_.hand_overs() <= most) return;
    verdict_.wrong.push_back("a thread spins: " + std::to_string(scheduler_.hand_overs()) +
                             " hand-overs in " + std::to_string(took / 1s) + " s, " +
                             scheduler_.busiest());
  }

  bool come_to_rest() {
    const auto end = scheduler_.now() + kRest;
    while (scheduler_.now() < end) {
      pass(1s);
      if (at_rest()) return true;
    }
    return false;
  }

  [[nodiscard]] bool at_rest() const {
    if (!collector_.process || !broker_.empty()) return false;
    for (const auto& device : devices_) {
      if (!device->done()) return false;
    }
    for (const auto& edge : edges_) {
      if (!edge->process || !edge->process->done()) return false;
    }
    const auto account = collector_.process->stream().account();
    return account && account->lag == 0;
  }

  [[nodiscard]] std::string describe() const {
    std::string text;
    for (const auto& edge : edges_) {
      text += (edge->process ? edge->process->describe() : edge->name + " is down") + "; ";
    }
    for (const auto& device : devices_)
      text += device->done() ? "a device is done; " : "a device waits; ";
    if (!collector_.process) return text + "no collector";
    const auto account = collector_.process->stream().account();
    return text + "lag " + std::to_string(account ? account->lag : 0) + ", stream " +
           collector_.process->stream().health().detail;
  }

  void end_all() {
    for (auto& device : devices_) device->stop();
    for (auto& edge : edges_) {
      if (edge->process) edge->process->kill();
      edge->process.reset();
    }
    if (collector_.process) collector_.process->kill();
    collector_.process.reset();
  }

  void tell(const std::string& what) const {
    if (told_)
      std::fprintf(stderr, "%9.3f s  %s\n",
                   std::chrono::duration<double>(scheduler_.now()).count() - 3600, what.c_str());
  }

  const bool told_;
  bool calm_ = false;
  Verdict verdict_;
  BatonScheduler scheduler_;
  SimulatedClock clock_;
  std::mt19937_64 random_;  // of a crash
  Oracle oracle_;
  Weather weather_;
  SimulatedBroker broker_;
  Database database_;
  std::uint64_t stream_size_ = 0;
  bool broker_up_ = true;
  Time broker_up_at_{};
  Host<CollectorProcess> collector_;
  std::vector<std::unique_ptr<Host<EdgeProcess>>> edges_;
  std::vector<bool> devices_to_start_;  // whether with receipts
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace

Verdict simulate(std::uint64_t seed, bool told) { return Simulation(seed, told).run(); }

}  // namespace tributary::simulation
