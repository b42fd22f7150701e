#pragma once

#include <chrono>
#include <span>
#include <string>

#include "collector/store/postgresql_codec.h"
#include "collector/store/postgresql_connection.h"

namespace tributary::collector {

// One question to a table: over which connection it is asked, and how long the answer may take,
// with all the statements that it needs. One thread. All must outlive this.
class PostgresqlRead {
 public:
  PostgresqlRead(const PostgresqlTarget& target, const PostgresqlCodec& codec,
                 PostgresqlConnection& connection, std::chrono::milliseconds time);

  // errc::not_found: there is no such table; errc::timed_out, errc::invalid_argument, in words for
  // who asked; errc::unavailable.
  [[nodiscard]] Result<PostgresqlRows> rows(const std::string& sql,
                                            std::span<const std::string> parameters) const;

  [[nodiscard]] const PostgresqlCodec& codec() const { return codec_; }
  [[nodiscard]] const PostgresqlLayout& layout() const { return codec_.layout(); }

 private:
  const PostgresqlTarget& target_;
  const PostgresqlCodec& codec_;
  PostgresqlConnection& connection_;
  const std::chrono::milliseconds time_;
};

}  // namespace tributary::collector
