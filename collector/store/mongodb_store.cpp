#include "collector/store/mongodb_store.h"

#include "collector/store/mongodb_client.h"
#include "collector/store/mongodb_codec.h"
#include "collector/store/mongodb_layout.h"
#include "collector/store/mongodb_reader.h"
#include "collector/store/mongodb_writer.h"
#include "shared/base/mutex.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kWriterClients = 2;
constexpr std::uint32_t kReaderClients = 16;
constexpr std::int32_t kClientWaitMs = 5'000;
constexpr std::int32_t kWriteTimeoutMs = 10'000;
constexpr auto kQueryGrace = 5s;  // the server keeps the query's own limit

class MongodbStore final : public Store {
 public:
  MongodbStore(MongodbTarget target, const Schema& schema, MongodbLayout layout)
      : target_(std::move(target)), codec_(schema), layout_(std::move(layout)) {}

  Result<void> open(std::chrono::milliseconds query_time) {
    const auto query_timeout = query_time + kQueryGrace;
    TRIBUTARY_ASSIGN(writer_clients_,
                     MongodbClients::open(target_, {.clients = kWriterClients,
                                                    .wait_ms = kClientWaitMs,
                                                    .socket_timeout_ms = kWriteTimeoutMs}));
    TRIBUTARY_ASSIGN(
        reader_clients_,
        MongodbClients::open(
            target_, {.clients = kReaderClients,
                      .wait_ms = kClientWaitMs,
                      .socket_timeout_ms = static_cast<std::int32_t>(query_timeout.count())}));
    writer_ = std::make_unique<MongodbWriter>(target_, codec_, layout_, *writer_clients_);
    reader_ =
        std::make_unique<MongodbReader>(target_, codec_, layout_, *reader_clients_, query_time);
    TRIBUTARY_TRY(reader_clients_->take());  // begins to watch the servers
    return {};
  }

  std::vector<Outcome> write(std::span<const Event> events) override {
    auto [outcomes, problem] = writer_->write(events);
    const MutexLock lock(mutex_);
    write_problem_ = std::move(problem);
    if (write_problem_.empty()) query_problem_.clear();
    return std::move(outcomes);
  }

  Result<Page> query(const Query& query) override { return noted(reader_->query(query)); }
  Result<Buckets> aggregate(const AggregateQuery& query) override {
    return noted(reader_->aggregate(query));
  }
  Result<SeriesPage> series(const SeriesQuery& query) override {
    return noted(reader_->series(query));
  }

  HealthCheck health() const override {
    {
      const MutexLock lock(mutex_);
      for (const auto& problem : {write_problem_, query_problem_}) {
        if (!problem.empty()) return {.up = false, .detail = problem};
      }
    }
    if (auto problem = reader_clients_->problem(); !problem.empty()) {
      return {.up = false, .detail = std::move(problem)};
    }
    return {.up = true, .detail = target_.warning, .warning = !target_.warning.empty()};
  }

 private:
  // For health(): what the asker can't mend is a failure of the database.
  template <class Answer>
  Result<Answer> noted(Result<Answer> answer) {
    const MutexLock lock(mutex_);
    if (answer) {
      query_problem_.clear();
    } else if (const auto& error = answer.error(); error != errc::invalid_argument &&
                                                   error != errc::timed_out &&
                                                   error != errc::unsupported) {
      query_problem_ = error.message();
      return fail(errc::unavailable, query_problem_);
    }
    return answer;
  }

  const MongodbTarget target_;
  const MongodbCodec codec_;
  const MongodbLayout layout_;
  std::unique_ptr<MongodbClients> writer_clients_;  // queries never wait for these, nor hold them
  std::unique_ptr<MongodbClients> reader_clients_;
  std::unique_ptr<MongodbWriter> writer_;
  std::unique_ptr<MongodbReader> reader_;

  mutable Mutex mutex_;
  std::string write_problem_
      TRIBUTARY_GUARDED_BY(mutex_);  // why the last write failed; empty when it didn't
  std::string query_problem_
      TRIBUTARY_GUARDED_BY(mutex_);  // the same of queries, until anything works again
};

}  // namespace

Result<std::unique_ptr<Store>> open_mongodb_store(const MongodbStoreOptions& options,
                                                  const Schema& schema) {
  TRIBUTARY_ASSIGN(auto target, MongodbTarget::of(options.uri, options.user, options.password,
                                                  options.collection));
  TRIBUTARY_ASSIGN(auto layout, MongodbLayout::of(schema));
  auto store = std::make_unique<MongodbStore>(std::move(target), schema, std::move(layout));
  TRIBUTARY_TRY(store->open(options.query_time));
  return store;
}

Result<std::string> check_mongodb_uri(const std::string& uri) {
  TRIBUTARY_ASSIGN(const auto target, MongodbTarget::of(uri, "", "", "events"));
  return target.where;
}

}  // namespace tributary::collector
