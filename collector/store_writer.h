#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "collector/outcome.h"
#include "collector/part_health.h"
#include "collector/pipeline.h"
#include "collector/stream/stream.h"
#include "shared/base/clock.h"
#include "shared/base/mutex.h"
#include "shared/event/event.h"
#include "shared/observe/health.h"
#include "shared/observe/metrics.h"

namespace tributary::collector {

// A batch on its way into the store, decoded.
struct Work {
  // An entry whose key came earlier in the same batch.
  struct Repetition {
    std::size_t entry = 0;
    std::size_t first = 0;  // the entry that the key came with
    ContentHash first_hash{};
    Event event;
  };

  Batch batch;
  std::vector<Outcome> outcomes;     // of every entry; `retry` until it has come to its end
  std::vector<Event> events;         // to be written: the first of each key
  std::vector<std::size_t> entries;  // events[i] is that of entry entries[i]
  std::vector<Repetition> repetitions;
};

// Brings what one pipeline's persister read to its end: in the store, or among the dead letters.
// write() by one thread at a time.
class StoreWriter {
 public:
  StoreWriter(Pipeline& pipeline, const Clock& clock, Metrics& metrics);

  // Every outcome is final and durable on return, whatever time it takes. False when a stop was
  // asked for before that.
  bool write(Work& work, const std::stop_token& stop);
  // Nothing is to be written: looks whether a store that was down is back, and the first time
  // whether it is fit to be written to.
  void look_at_store();

  // Any thread.
  [[nodiscard]] HealthCheck health() const { return health_.check(); }

 private:
  struct Attempt;

  bool write_until_done(Attempt& attempt, const std::stop_token& stop);
  std::size_t keep_what_failed(Attempt& attempt, std::vector<Outcome>& outcomes,
                               bool store_takes_others);
  static void move_to_the_end(Attempt& attempt);
  bool takes_canary();
  bool resolve(Work& work, Work::Repetition& repetition, const std::stop_token& stop);
  bool bury(const Work& work, const std::stop_token& stop);
  bool append_dead_letter(const Work& work, std::size_t index);
  bool pause(const std::stop_token& stop, std::chrono::milliseconds time);

  Pipeline& pipeline_;
  const Clock& clock_;
  std::unique_ptr<Producer> dead_letters_;
  std::optional<Event> canary_;  // the last event that the store took
  bool looked_ = false;
  Counter& retries_;
  Histogram& age_;

  PartHealth health_;
  Mutex pause_mutex_;
  Condition paused_;
};

}  // namespace tributary::collector
