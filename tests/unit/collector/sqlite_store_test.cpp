#include "collector/store/sqlite_store.h"

#include <sqlite3.h>
#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/contract/store_verbs.h"

namespace tributary::collector {
namespace {

using namespace store_verbs;
using namespace std::chrono_literals;
using enum Outcome::Verdict;
namespace fs = std::filesystem;

// Another program's connection to the file.
class Sqlite {
 public:
  explicit Sqlite(const fs::path& file) {
    REQUIRE(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK);
  }
  ~Sqlite() { sqlite3_close(handle_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void run(const char* sql) {
    if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      FAIL(sqlite3_errmsg(handle_));
  }
  int integer(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    REQUIRE(sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
    const int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
  }

 private:
  sqlite3* handle_ = nullptr;
};

struct Fixture {
  TemporaryDirectory directory;
  fs::path file = directory.path() / "events.db";
  Schema schema = built_in("telemetry");

  Result<std::unique_ptr<Store>> try_open() {
    return open_sqlite_store({.file = file, .busy_timeout = 100ms, .query_wait = 100ms}, schema);
  }
  std::unique_ptr<Store> open() {
    auto store = try_open();
    if (!store) FAIL(store.error().message());
    return std::move(*store);
  }
  // The file is not taken, with these words, and stays as it is.
  void require_refused(errc code, const std::string& words) {
    const auto before = contents();
    const auto store = try_open();
    REQUIRE_FALSE(store);
    REQUIRE(store.error() == code);
    REQUIRE_THAT(store.error().message(), Catch::Contains(words));
    REQUIRE(contents() == before);
  }
  std::string contents() {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

// The store is down, says why, and took nothing.
void require_down(Store& store, const Event& event, const std::string& words) {
  const auto outcome = write_one(store, event);
  REQUIRE(outcome.verdict == retry);
  REQUIRE_THAT(outcome.detail, Catch::Contains(words));
  REQUIRE_FALSE(store.health().up);
  REQUIRE_THAT(store.health().detail, Catch::Contains(words));
}

// No file of this process can grow beyond its size while this lives, as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t size) {
    std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{.rlim_cur = size, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a missing directory is made, with those above it") {
  file = directory.path() / "a" / "b" / "events.db";
  store_one(*open(), reading("a", "2026-01-21T10:00:00Z"));
  REQUIRE(fs::exists(file));
}

TEST_CASE_METHOD(Fixture, "a data path below a regular file is said to be one") {
  std::ofstream(directory.path() / "plain") << "x";
  file = directory.path() / "plain" / "data" / "events.db";
  const auto store = try_open();
  REQUIRE_FALSE(store);
  REQUIRE_THAT(store.error().message(), Catch::Contains((directory.path() / "plain").string() +
                                                        " is a file, not a directory"));
}

TEST_CASE_METHOD(Fixture, "a directory in the file's place is said to be one") {
  fs::create_directory(file);
  const auto store = try_open();
  REQUIRE_FALSE(store);
  REQUIRE_THAT(store.error().message(), Catch::Contains("is a directory, not a file"));
}

TEST_CASE_METHOD(Fixture, "a newer format is refused untouched") {
  open();
  Sqlite(file).run("PRAGMA user_version = 3");
  require_refused(errc::unknown_version, "its format is 3, this one reads 1 and 2");
}

TEST_CASE_METHOD(Fixture, "another program's database is refused untouched") {
  Sqlite(file).run("CREATE TABLE events (id INTEGER)");
  require_refused(errc::invalid_argument, "is the database of another program");
}

TEST_CASE_METHOD(Fixture, "a file that is no database is refused untouched") {
  std::ofstream(file) << std::string(10'000, 'x');
  require_refused(errc::corrupt, "not a database");
}

TEST_CASE_METHOD(Fixture, "a table that somebody else made in our file is refused") {
  open();
  Sqlite(file).run("DELETE FROM tributary_tables");
  const auto store = try_open();
  REQUIRE_FALSE(store);
  REQUIRE_THAT(store.error().message(), Catch::Contains("Tributary didn't make this table"));
}

TEST_CASE_METHOD(Fixture, "a table whose columns were changed is refused") {
  open();
  Sqlite(file).run("ALTER TABLE events DROP COLUMN edge");
  const auto store = try_open();
  REQUIRE_FALSE(store);
  REQUIRE_THAT(store.error().message(), Catch::Contains("no column named edge"));
}

TEST_CASE_METHOD(Fixture, "a schema with another key or time can't use the table") {
  const std::string properties = R"({"s":{"type":"string"},"i":{"type":"integer"}})";
  schema = custom_schema(properties, R"({"key":["s"]})");
  open();
  schema = custom_schema(
      properties, GENERATE(R"({"key":["i"]})", R"({"key":["s","i"]})", R"({"key":["s","at"]})"));
  const auto store = try_open();
  REQUIRE_FALSE(store);
  REQUIRE(store.error() == errc::invalid_argument);
  REQUIRE_THAT(store.error().message(), Catch::Contains("holds events of another schema") &&
                                            Catch::Contains(R"([["s","string"]])"));
}

TEST_CASE_METHOD(Fixture, "a schema with a key field of another type can't use the table") {
  schema = custom_schema(R"({"s":{"type":"integer"}})", R"({"key":["s"]})");
  open();
  schema = custom_schema(R"({"s":{"type":"string"}})", R"({"key":["s"]})");
  REQUIRE_FALSE(try_open());
}

TEST_CASE_METHOD(
    Fixture, "a schema that changed its series or other fields keeps the events, and finds them") {
  const std::string before = R"({"id":{"type":"string"},"room":{"type":"string"}})";
  const std::string after =
      R"({"id":{"type":"string"},"room":{"type":"string"},"new":{"type":"boolean"}})";
  schema = custom_schema(before, R"({"key":["id"]})");
  store_one(*open(), decode(schema, R"({"id":"a","room":"r1","at":"2026-01-21T10:00:00Z","n":1})"));
  store_one(*open(), decode(schema, R"({"id":"b","room":"r2","at":"2026-01-21T10:00:00Z","n":2})"));

  schema = custom_schema(after, R"({"key":["id"],"series":"room"})");
  REQUIRE(numbers_where(*open(), {{.field = "room", .value = "r2"}}) == std::vector{2});
  REQUIRE(numbers_where(*open(), {{.field = "id", .value = "a"}}) == std::vector{1});
  store_one(
      *open(),
      decode(schema, R"({"id":"c","room":"r1","new":true,"at":"2026-01-21T10:00:01Z","n":3})"));
  REQUIRE(numbers_where(*open(), {{.field = "room", .value = "r1"}}) == std::vector{1, 3});

  schema = custom_schema(after, R"({"key":["id"],"series":"id"})");
  REQUIRE(numbers_where(*open(), {{.field = "id", .value = "c"}}) == std::vector{3});
  REQUIRE(numbers_where(*open(), {{.field = "room", .value = "r1"}}) == std::vector{1, 3});
}

TEST_CASE_METHOD(Fixture, "an event that the database refuses is rejected alone") {
  const auto store = open();
  Sqlite(file).run(
      "CREATE TRIGGER no_b BEFORE INSERT ON events WHEN NEW.sensor_id = 'b' "
      "BEGIN SELECT RAISE(ABORT, 'no b here'); END");
  std::vector<Event> batch;
  for (const auto* sensor : {"a", "b", "c"})
    batch.push_back(reading(sensor, "2026-01-21T10:00:00Z"));
  const auto outcomes = store->write(batch);
  REQUIRE(verdicts(outcomes) == std::vector{stored, rejected, stored});
  REQUIRE_THAT(outcomes[1].detail, Catch::Contains("no b here"));
  REQUIRE(store->health().up);
  REQUIRE(page_of(*store, {}).events.size() == 2);
}

TEST_CASE_METHOD(Fixture,
                 "while another program holds the lock all is retry, and goes on afterwards") {
  const auto store = open();
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  {
    Sqlite other(file);
    other.run("BEGIN IMMEDIATE");
    require_down(*store, event, "database is locked");
    other.run("COMMIT");
  }
  REQUIRE(write_one(*store, event).verdict == stored);
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(
    Fixture,
    "while the disk is full all is retry, nothing is half written, and it goes on afterwards") {
  const auto store = open();
  store_all(*store, readings("before", 10));
  const auto batch = readings("during", 5'000);
  {
    const FullDisk full(fs::file_size(file.string() + "-wal") + 64'000);
    for (const auto& outcome : store->write(batch)) {
      REQUIRE(outcome.verdict == retry);
      REQUIRE_THAT(outcome.detail, Catch::Contains("disk") || Catch::Contains("too large"));
    }
    REQUIRE_FALSE(store->health().up);
  }
  REQUIRE(page_of(*store, {.limit = 10'000}).events.size() == 10);
  store_all(*store, batch);
  REQUIRE(store->health().up);
  REQUIRE(page_of(*store, {.limit = 10'000}).events.size() == 5'010);
}

TEST_CASE_METHOD(Fixture, "a file that is deleted under us is not written to, nor made anew") {
  const auto store = open();
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  store_one(*store, event);
  fs::rename(file, directory.path() / "elsewhere.db");
  REQUIRE_FALSE(store->health().up);
  require_down(*store, event, "moved or deleted");
  require_down(*store, event, "is gone: put it back");
  REQUIRE_FALSE(fs::exists(file));
  const auto page = store->query({});
  REQUIRE_FALSE(page);
  REQUIRE(page.error() == errc::unavailable);

  fs::rename(directory.path() / "elsewhere.db", file);
  REQUIRE(write_one(*store, event).verdict == duplicate);
  REQUIRE(store->health().up);
  REQUIRE(page_of(*store, {}).events.size() == 1);
}

TEST_CASE_METHOD(
    Fixture, "what is in the log (-wal) when it is deleted under us is still there afterwards") {
  const auto store = open();
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  store_one(*store, event);
  fs::remove(file.string() + "-wal");
  require_down(*store, event, "-wal was moved, deleted or replaced");
  REQUIRE(write_one(*store, event).verdict == duplicate);
  REQUIRE(store->health().up);
}

TEST_CASE_METHOD(
    Fixture,
    "a file that is replaced by another store's is taken up, by one of another program not") {
  const auto store = open();
  const auto event = reading("a", "2026-01-21T10:00:00Z");
  store_one(*store, event);
  const auto other = directory.path() / "other.db";
  SECTION("another store's") {
    REQUIRE(open_sqlite_store({.file = other}, schema));
    fs::rename(other, file);
    REQUIRE_FALSE(store->query({}));
    REQUIRE_FALSE(store->health().up);
    require_down(*store, event, "was replaced");
    REQUIRE(write_one(*store, event).verdict == stored);
    REQUIRE(store->health().up);
    REQUIRE(page_of(*store, {}).events.size() == 1);
  }
  SECTION("another program's") {
    Sqlite(other).run("CREATE TABLE t (x)");
    fs::rename(other, file);
    require_down(*store, event, "was replaced");
    require_down(*store, event, "is the database of another program");
    REQUIRE_FALSE(store->query({}));
  }
}

TEST_CASE_METHOD(
    Fixture, "a file that is damaged under us is down, with words, and no page of it is invented") {
  const auto store = open();
  store_all(*store, readings("a", 2'000));
  Sqlite(file).run("PRAGMA wal_checkpoint(TRUNCATE)");
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    const std::string garbage(fs::file_size(file) - 4096, '\x5a');
    damage.seekp(4096);
    damage << garbage;
  }
  require_down(*store, reading("b", "2026-01-21T10:00:00Z"), "malformed");
  REQUIRE_FALSE(store->query({}));
}

TEST_CASE_METHOD(Fixture, "readers see whole batches and hold up nobody while a writer writes") {
  constexpr std::size_t kBatches = 40;
  constexpr std::size_t kBatchSize = 250;
  const auto store = open();
  std::atomic<bool> done = false;
  std::atomic<int> pages = 0;
  std::atomic<bool> torn = false;
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!done) {
        const auto page = store->query({.limit = kPageEventsMax});
        if (!page || page->events.size() % kBatchSize != 0) torn = true;
        ++pages;
      }
    });
  }
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    store_all(*store, readings("sensor " + std::to_string(batch), kBatchSize));
  }
  while (pages < 4) std::this_thread::yield();
  done = true;
  readers.clear();
  REQUIRE_FALSE(torn);
  REQUIRE(page_of(*store, {.limit = kPageEventsMax}).events.size() == kBatches * kBatchSize);
}

TEST_CASE_METHOD(Fixture, "no snapshot stays open behind a page") {
  const auto store = open();
  store_all(*store, readings("a", 10));
  REQUIRE(page_of(*store, {.limit = 3}).next);
  store_all(*store, readings("b", 10));
  // busy is the first column: 0 when nobody holds an older snapshot.
  REQUIRE(Sqlite(file).integer("PRAGMA wal_checkpoint(TRUNCATE)") == 0);
}

TEST_CASE_METHOD(Fixture,
                 "a query that finds little in much is cut off, and says how to ask for less") {
  auto store = open_sqlite_store({.file = file, .query_time = 0ms}, schema);
  REQUIRE(store);
  for (int part = 0; part < 5; ++part) {
    store_all(**store, readings("sensor " + std::to_string(part), 5'000));
  }
  const auto page = (*store)->query({.filters = {{.field = "x", .value = "rare"}}});
  REQUIRE_FALSE(page);
  REQUIRE(page.error() == errc::timed_out);
  REQUIRE_THAT(page.error().message(), Catch::Contains("start and end"));
  REQUIRE(
      page_of(**store, {.filters = {{.field = "sensor_id", .value = "sensor 3"}}}).events.size() ==
      100);
}

TEST_CASE_METHOD(Fixture,
                 "a query that goes through many rows finds them all, in both directions") {
  const auto store = open();
  for (int part = 0; part < 5; ++part) {
    store_all(*store, readings("sensor " + std::to_string(part), 4'500));
  }
  std::vector<int> found = numbers_where(*store, {{.field = "n", .value = "4499"}});
  REQUIRE(found == std::vector(5, 4'499));
  REQUIRE(page_of(*store, {.filters = {{.field = "n", .value = "1"}}, .descending = true})
              .events.size() == 5);
}

TEST_CASE_METHOD(Fixture, "what a person sees with sqlite3 is readable") {
  const auto store = open();
  auto event = reading("kitchen", "2026-01-21T10:00:00.5Z");
  event.origin.received_at = time_of("2026-01-21T10:00:01Z");
  store_one(*store, event);
  REQUIRE(
      Sqlite(file).integer(
          "SELECT count(*) FROM events WHERE sensor_id = 'kitchen' AND time_nanoseconds = "
          "500000000 "
          "AND datetime(time_seconds, 'unixepoch') = '2026-01-21 10:00:00' "
          "AND received_at = '2026-01-21T10:00:01Z' AND json_extract(event, '$.temperature') = 20 "
          "AND edge IS NULL AND length(hash) = 16") == 1);
}

}  // namespace tributary::collector
