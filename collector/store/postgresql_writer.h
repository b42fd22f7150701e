#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/outcome.h"
#include "collector/store/postgresql_codec.h"
#include "collector/store/postgresql_connection.h"
#include "collector/store/postgresql_layout.h"

namespace tributary::collector {

// Brings batches into the table, each in one transaction as long as the server refuses none of its
// rows. One thread at a time.
class PostgresqlWriter {
 public:
  struct Written {
    std::vector<Outcome> outcomes;  // one for each event, in the same order
    std::string problem;  // why some are `retry`, or nothing could be written to; or empty
    std::string warning;  // of the table
  };

  // All must outlive this. No step takes longer than `time`.
  PostgresqlWriter(const PostgresqlTarget& target, const PostgresqlCodec& codec,
                   std::chrono::milliseconds time);
  Written write(std::span<const Event> events);

 private:
  struct Batch;
  struct Range {
    std::size_t begin;
    std::size_t end;
  };

  PostgresqlAnswer<void> prepare();
  PostgresqlAnswer<void> connect();
  std::string_view encode_part(Batch& batch);
  std::string write_all(Batch& batch);
  PostgresqlAnswer<void> write_range(Batch& batch, Range& range);
  PostgresqlAnswer<std::uint64_t> insert(Batch& batch, Range& range);
  PostgresqlAnswer<void> judge_known(Batch& batch, std::uint64_t known);
  PostgresqlAnswer<void> judge_unhashed(Batch& batch);
  void begin_step();

  const PostgresqlTarget& target_;
  const PostgresqlCodec& codec_;
  const PostgresqlLayout& layout_;
  const std::chrono::milliseconds time_;
  const std::string write_sql_;
  PostgresqlConnection connection_;
  std::string warning_;
  std::string rows_;
};

}  // namespace tributary::collector
