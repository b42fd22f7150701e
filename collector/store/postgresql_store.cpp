#include "collector/store/postgresql_store.h"

#include "collector/store/postgresql_codec.h"
#include "collector/store/postgresql_connection.h"
#include "collector/store/postgresql_layout.h"
#include "collector/store/postgresql_readers.h"
#include "collector/store/postgresql_writer.h"
#include "shared/base/mutex.h"
#include "shared/base/thread.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kLookEvery = 2s;

class PostgresqlStore final : public Store {
 public:
  PostgresqlStore(PostgresqlTarget target, Schema schema, PostgresqlLayout layout,
                  const PostgresqlStoreOptions& options)
      : target_(std::move(target)),
        schema_(std::move(schema)),
        layout_(std::move(layout)),
        codec_(schema_, layout_),
        writer_(target_, codec_, options.write_time),
        readers_(target_, codec_,
                 {.connection_wait = options.query_wait, .query_time = options.query_time}),
        query_problem_("PostgreSQL " + target_.where + ": the server has not answered yet"),
        watch_("postgresql", [this](const auto& stop) { watch(stop); }) {}

  std::vector<Outcome> write(std::span<const Event> events) override {
    auto [outcomes, problem, warning] = writer_.write(events);
    const MutexLock lock(mutex_);
    write_problem_ = std::move(problem);
    warning_ = std::move(warning);
    if (write_problem_.empty()) note_answer();
    return std::move(outcomes);
  }

  Result<Page> query(const Query& query) override { return noted(readers_.query(query)); }
  Result<Buckets> aggregate(const AggregateQuery& query) override {
    return noted(readers_.aggregate(query));
  }
  Result<SeriesPage> series(const SeriesQuery& query) override {
    return noted(readers_.series(query));
  }

  HealthCheck health() const override {
    const MutexLock lock(mutex_);
    for (const auto& problem : {write_problem_, query_problem_}) {
      if (!problem.empty()) return {.up = false, .detail = problem};
    }
    return {.up = true, .detail = warning_, .warning = !warning_.empty()};
  }

 private:
  // For health(): what the asker can't mend is a failure of the database.
  template <class Answer>
  Result<Answer> noted(Result<Answer> answer) {
    const MutexLock lock(mutex_);
    if (answer) {
      note_answer();
    } else if (answer.error() == errc::unavailable) {
      query_problem_ = answer.error().message();
    }
    return answer;
  }

  void note_answer() TRIBUTARY_REQUIRES(mutex_) {
    query_problem_.clear();
    answered_ = SteadyClock::now();
  }

  void look() {
    const auto answer = noted(readers_.look());
    if (!answer) log_debug("store", answer.error().message());
  }

  // Nobody may be asking or writing when the server goes away, or comes back.
  void watch(const std::stop_token& stop) {
    for (;;) {
      bool due = false;
      {
        const MutexLock lock(mutex_);
        due = SteadyClock::now() - answered_ >= kLookEvery;
      }
      if (due) look();
      MutexLock lock(mutex_);
      watching_.wait_for(lock, stop, kLookEvery, [] { return false; });
      if (stop.stop_requested()) return;
    }
  }

  const PostgresqlTarget target_;
  const Schema schema_;
  const PostgresqlLayout layout_;
  const PostgresqlCodec codec_;
  PostgresqlWriter writer_;
  PostgresqlReaders readers_;

  mutable Mutex mutex_;
  Condition watching_;
  // Why the last write failed; empty when it didn't.
  std::string write_problem_ TRIBUTARY_GUARDED_BY(mutex_);
  // The same of queries, until anything works again.
  std::string query_problem_ TRIBUTARY_GUARDED_BY(mutex_);
  std::string warning_ TRIBUTARY_GUARDED_BY(mutex_);
  SteadyClock::time_point answered_ TRIBUTARY_GUARDED_BY(mutex_);  // when anything worked last
  Thread watch_;                                                   // last: it uses all the others
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgresql_store(const PostgresqlStoreOptions& options,
                                                     Schema schema) {
  TRIBUTARY_ASSIGN(auto target, PostgresqlTarget::of(options.uri, options.user, options.password,
                                                     options.table));
  TRIBUTARY_ASSIGN(auto layout, PostgresqlLayout::of(schema, options.table));
  return std::make_unique<PostgresqlStore>(std::move(target), std::move(schema), std::move(layout),
                                           options);
}

Result<std::string> check_postgresql_uri(const std::string& uri) {
  TRIBUTARY_ASSIGN(const auto target, PostgresqlTarget::of(uri, "", "", "events"));
  return target.where;
}

}  // namespace tributary::collector
