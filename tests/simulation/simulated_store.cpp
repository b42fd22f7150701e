#include "tests/simulation/simulated_store.h"

#include <algorithm>

namespace tributary::simulation {

using collector::Outcome;
using Verdict = Outcome::Verdict;

namespace {

// An event that fails alone five times is rejected (DESIGN 5): chance stays well below it.
constexpr int kFailuresAlone = 3;

}  // namespace

std::vector<Outcome> SimulatedStore::write(std::span<const Event> events) {
  const Outcome unknown{.verdict = Verdict::retry, .detail = "the connection was lost"};
  std::vector<Outcome> outcomes(events.size(), unknown);
  take_time();
  const bool partial = scheduler_.chance(database_.partial_writes);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (machine_->dead || database_.down) break;
    if (partial && scheduler_.chance(0.5) && may_fail(events[i])) continue;
    outcomes[i] = write_one(events[i]);
  }
  take_time();
  const bool lost = scheduler_.chance(database_.lost_answers) &&
                    std::ranges::all_of(events, [&](const auto& event) { return may_fail(event); });
  if (machine_->dead || lost) outcomes.assign(events.size(), unknown);
  return outcomes;
}

bool SimulatedStore::may_fail(const Event& event) {
  return ++database_.failures[event.key] < kFailuresAlone;
}

Outcome SimulatedStore::write_one(const Event& event) {
  if (event.json.find(kRefusedTemperature) != std::string::npos) {
    return {.verdict = Verdict::rejected, .detail = "refused by the database"};
  }
  const auto [found, written] = database_.documents.try_emplace(
      event.key, Database::Document{.hash = event.hash,
                                    .event = std::string(event.json),
                                    .edge = event.origin.edge,
                                    .sequence = event.origin.sequence.value});
  if (written) return {.verdict = Verdict::stored, .detail = {}};
  const bool same = found->second.hash == event.hash;
  return {.verdict = same ? Verdict::duplicate : Verdict::conflict, .detail = {}};
}

void SimulatedStore::take_time() {
  scheduler_.wait(nullptr, scheduler_.now() + scheduler_.time_between({}, database_.latency));
}

Result<collector::Page> SimulatedStore::query(const collector::Query& /*query*/) {
  return fail(errc::unavailable, "nobody asks");
}

Result<collector::Buckets> SimulatedStore::aggregate(const collector::AggregateQuery& /*query*/) {
  return fail(errc::unavailable, "nobody asks");
}

Result<collector::SeriesPage> SimulatedStore::series(const collector::SeriesQuery& /*query*/) {
  return fail(errc::unavailable, "nobody asks");
}

}  // namespace tributary::simulation
