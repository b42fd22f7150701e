// A page of 100 events of one sensor and a range of time, straight through the database's driver,
// by several threads: what GET /data is measured against. Prints requests/s, p50 and p99. Usage:
// bare_query FILE.db | mongodb://…/database  SENSORS START END THREADS SECONDS START and END are
// seconds since 1970; sensors are named s0, s1, …

#include <mongoc/mongoc.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Range {
  std::int64_t start = 0;
  std::int64_t end = 0;
};

// Runs one query for a sensor and returns how many events it gave. One for each thread.
using Ask = std::function<std::size_t(const std::string& sensor)>;

Ask ask_sqlite(const std::string& file, Range range) {
  sqlite3* connection = nullptr;
  if (sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    throw std::runtime_error("cannot open " + file);
  }
  sqlite3_stmt* select = nullptr;
  const int prepared = sqlite3_prepare_v2(
      connection,
      "SELECT event FROM events WHERE sensor_id = ?1 AND time_seconds >= ?2 AND time_seconds < ?3 "
      "ORDER BY time_seconds, time_nanoseconds, key LIMIT 100",
      -1, &select, nullptr);
  if (prepared != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(connection));
  return [select, range](const std::string& sensor) {
    sqlite3_bind_text(select, 1, sensor.data(), static_cast<int>(sensor.size()), SQLITE_STATIC);
    sqlite3_bind_int64(select, 2, range.start);
    sqlite3_bind_int64(select, 3, range.end);
    std::size_t events = 0;
    for (; sqlite3_step(select) == SQLITE_ROW; ++events) sqlite3_column_text(select, 0);
    sqlite3_reset(select);
    return events;
  };
}

Ask ask_mongodb(const std::string& uri, Range range) {
  auto* client = mongoc_client_new(uri.c_str());
  if (client == nullptr) throw std::runtime_error("no such URI: " + uri);
  const auto* database = mongoc_uri_get_database(mongoc_client_get_uri(client));
  auto* collection = mongoc_client_get_collection(client, database, "events");
  auto* options = BCON_NEW("limit", BCON_INT64(100), "sort", "{", "timestamp", BCON_INT32(1),
                           "timestamp_ns", BCON_INT32(1), "}", "projection", "{", "_id",
                           BCON_INT32(0), "_tributary", BCON_INT32(0), "}");
  return [=](const std::string& sensor) {
    auto* filter =
        BCON_NEW("sensor_id", BCON_UTF8(sensor.c_str()), "timestamp", "{", "$gte",
                 BCON_DATE_TIME(range.start * 1000), "$lt", BCON_DATE_TIME(range.end * 1000), "}");
    auto* cursor = mongoc_collection_find_with_opts(collection, filter, options, nullptr);
    const bson_t* document = nullptr;
    std::size_t events = 0;
    while (mongoc_cursor_next(cursor, &document)) ++events;
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    return events;
  };
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) return 2;
  const std::string target = arguments[1];
  const auto sensors = std::strtoul(arguments[2], nullptr, 10);
  const Range range{.start = std::strtol(arguments[3], nullptr, 10),
                    .end = std::strtol(arguments[4], nullptr, 10)};
  const auto threads = std::strtoul(arguments[5], nullptr, 10);
  const auto end = Clock::now() + std::chrono::seconds(std::atoi(arguments[6]));
  const auto begin = Clock::now();
  const bool mongodb = target.starts_with("mongodb://");
  if (mongodb) mongoc_init();
  std::vector<std::vector<double>> milliseconds(threads);
  {
    std::vector<std::jthread> running;
    for (std::size_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        const auto ask = mongodb ? ask_mongodb(target, range) : ask_sqlite(target, range);
        std::mt19937_64 random(i);
        while (Clock::now() < end) {
          const auto asked = Clock::now();
          if (ask("s" + std::to_string(random() % sensors)) == 0) std::abort();
          milliseconds[i].push_back(
              std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
        }
      });
    }
  }
  std::vector<double> all;
  for (const auto& of_thread : milliseconds)
    all.insert(all.end(), of_thread.begin(), of_thread.end());
  std::ranges::sort(all);
  const auto at = [&](double part) {
    return all[static_cast<std::size_t>(part * static_cast<double>(all.size() - 1))];
  };
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::printf("%.0f %.3f %.3f\n", static_cast<double>(all.size()) / took.count(), at(0.5),
              at(0.99));
}
