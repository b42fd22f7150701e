#include "collector/store/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include "collector/store/sqlite_readers.h"
#include "collector/store/sqlite_writer.h"
#include "shared/base/mutex.h"

namespace tributary::collector {
namespace {

// Makes an entry of `directory` survive a power cut.
Result<void> sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno("open the directory " + directory.string());
  const int synced = ::fsync(descriptor);
  auto failure = fail_errno("sync the directory " + directory.string());
  ::close(descriptor);
  if (synced != 0) return failure;
  return {};
}

// Makes the directory and those above it.
Result<void> make_directory(const std::filesystem::path& directory) {
  std::error_code code;
  const auto status = std::filesystem::status(directory, code);
  if (std::filesystem::is_directory(status)) return {};
  if (std::filesystem::exists(status)) {
    return fail(errc::invalid_argument, directory.string() + " is a file, not a directory");
  }
  if (const auto parent = directory.parent_path(); parent != directory) {
    TRIBUTARY_TRY(make_directory(parent));
  }
  std::filesystem::create_directory(directory, code);
  if (code) return std::unexpected(Error(code, "make the directory " + directory.string()));
  return sync_directory(directory.parent_path());
}

class SqliteStore final : public Store {
 public:
  SqliteStore(SqliteStoreOptions options, Schema schema, SqliteLayout layout)
      : options_(std::move(options)),
        schema_(std::move(schema)),
        layout_(std::move(layout)),
        readers_(options_.file, layout_, schema_,
                 {.connection_wait = options_.query_wait,
                  .query_time = options_.query_time,
                  .busy_timeout_ms = busy_timeout_ms()}) {}

  Result<void> open() {
    TRIBUTARY_ASSIGN(auto writer,
                     SqliteWriter::open(options_.file, mode_, busy_timeout_ms(), layout_, schema_));
    writer_ = std::make_unique<SqliteWriter>(std::move(writer));
    mode_ = SqliteConnection::Mode::write;
    readers_.use(FileIdentity::of(options_.file));
    return {};
  }

  void down(std::string why) {
    const MutexLock lock(mutex_);
    problem_ = std::move(why);
  }

  std::vector<Outcome> write(std::span<const Event> events) override {
    auto outcomes = try_write(events);
    const MutexLock lock(mutex_);
    problem_ = outcomes ? std::string() : outcomes.error().message();
    if (outcomes) return std::move(*outcomes);
    return {events.size(), Outcome{.verdict = Outcome::Verdict::retry, .detail = problem_}};
  }

  Result<Page> query(const Query& query) override { return readers_.query(query); }

  Result<Buckets> aggregate(const AggregateQuery& query) override {
    return readers_.aggregate(query);
  }
  Result<SeriesPage> series(const SeriesQuery& query) override { return readers_.series(query); }

  HealthCheck health() const override {
    {
      const MutexLock lock(mutex_);
      if (!problem_.empty()) return {.up = false, .detail = problem_};
    }
    if (const auto there = readers_.still_there(); !there) {
      return {.up = false, .detail = there.error().message()};
    }
    return {};
  }

 private:
  [[nodiscard]] int busy_timeout_ms() const {
    return static_cast<int>(options_.busy_timeout.count());
  }

  Result<std::vector<Outcome>> try_write(std::span<const Event> events) {
    if (!writer_) TRIBUTARY_TRY(open());
    if (events.empty()) return std::vector<Outcome>();
    auto outcomes = writer_->write(events);
    if (!outcomes) {
      readers_.close_idle();
      if (writer_->still_there() || writer_->empty_log()) writer_.reset();
    }
    return outcomes;
  }

  const SqliteStoreOptions options_;
  const Schema schema_;
  const SqliteLayout layout_;
  // Made when missing, but once: a file that vanishes later took events with it.
  SqliteConnection::Mode mode_ = SqliteConnection::Mode::create;
  std::unique_ptr<SqliteWriter> writer_;  // of the thread that writes; none after a failure
  SqliteReaders readers_;                 // closed before the writer: the last one tidies up

  mutable Mutex mutex_;
  std::string problem_
      TRIBUTARY_GUARDED_BY(mutex_);  // why the last write failed; empty when it didn't
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(SqliteStoreOptions options, Schema schema) {
  options.file = std::filesystem::absolute(options.file).lexically_normal();
  const auto what = "SQLite store " + options.file.string();
  if (auto made = make_directory(options.file.parent_path()); !made) {
    return std::unexpected(made.error().within(what));
  }
  std::error_code code;
  if (std::filesystem::is_directory(options.file, code)) {
    return fail(errc::invalid_argument, what + ": is a directory, not a file");
  }
  TRIBUTARY_ASSIGN(auto layout, SqliteLayout::of(options.table, schema));
  auto store =
      std::make_unique<SqliteStore>(std::move(options), std::move(schema), std::move(layout));
  // What only time or an operator can mend doesn't keep the rest of the collector from starting.
  if (auto opened = store->open(); !opened) {
    if (!(opened.error() == errc::unavailable)) return std::unexpected(std::move(opened).error());
    store->down(opened.error().message());
  }
  return store;
}

}  // namespace tributary::collector
