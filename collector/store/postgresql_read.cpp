#include "collector/store/postgresql_read.h"

#include "collector/store/postgresql_error.h"

namespace tributary::collector {
namespace {

using namespace std::chrono_literals;

constexpr auto kGrace = 1s;  // the server keeps the limit for each statement

}  // namespace

PostgresqlRead::PostgresqlRead(const PostgresqlTarget& target, const PostgresqlCodec& codec,
                               PostgresqlConnection& connection, std::chrono::milliseconds time)
    : target_(target), codec_(codec), connection_(connection), time_(time) {
  connection_.set_deadline(std::chrono::steady_clock::now() + time + kGrace);
}

Result<PostgresqlRows> PostgresqlRead::rows(const std::string& sql,
                                            std::span<const std::string> parameters) const {
  auto answer = connection_.query(sql, parameters);
  if (answer) return std::move(*answer);
  const auto& why = answer.error();
  if (why.timed_out || is_cancelled(why.state)) {
    return fail(errc::timed_out, "the query took longer than " + std::to_string(time_.count()) +
                                     " ms: narrow it with start and end, or by its series");
  }
  if (is_missing_table(why.state)) return fail(errc::not_found, why.message);
  if (is_of_the_row(why.state)) {
    return fail(errc::invalid_argument, target_.text("answer the query", why));
  }
  return std::unexpected(target_.error("read events", why));
}

}  // namespace tributary::collector
