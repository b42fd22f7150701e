#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "collector/store/store.h"
#include "tests/simulation/baton_scheduler.h"
#include "tests/simulation/simulated_broker.h"

namespace tributary::simulation {

// What the database holds, whoever is connected to it.
struct Database {
  struct Document {
    ContentHash hash{};
    std::string event;
    std::string edge;  // where it says that it came from
    std::uint64_t sequence = 0;
  };
  std::map<std::string, Document> documents;  // by the key's bytes
  std::map<std::string, int> failures;        // of each event, when others were written
  bool down = false;
  double lost_answers = 0;    // how often what was written is not known to be
  double partial_writes = 0;  // how often some of a batch is written, and the rest isn't
  Scheduler::Time latency{};  // of a write, at most
};

// What an event carries that the database refuses for good.
inline constexpr std::string_view kRefusedTemperature = "-273";

// A connection to a database that fails as networks and servers do. Never writes twice under one
// key.
class SimulatedStore final : public collector::Store {
 public:
  SimulatedStore(Database& database, BatonScheduler& scheduler,
                 std::shared_ptr<const Machine> machine)
      : database_(database), scheduler_(scheduler), machine_(std::move(machine)) {}

  std::vector<collector::Outcome> write(std::span<const Event> events) override;
  Result<collector::Page> query(const collector::Query& query) override;
  Result<collector::Buckets> aggregate(const collector::AggregateQuery& query) override;
  Result<collector::SeriesPage> series(const collector::SeriesQuery& query) override;
  HealthCheck health() const override { return {.up = !database_.down, .detail = ""}; }

 private:
  collector::Outcome write_one(const Event& event);
  bool may_fail(const Event& event);
  void take_time();

  Database& database_;
  BatonScheduler& scheduler_;
  const std::shared_ptr<const Machine> machine_;
};

}  // namespace tributary::simulation
