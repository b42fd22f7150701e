#include "collector/store/postgresql_page.h"

#include <algorithm>

#include "collector/store/page_builder.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

// Rows that are asked for at a time: their bytes are known only when they are here.
constexpr std::size_t kRowsFirst = 128;
constexpr std::size_t kRowsMin = 16;
constexpr std::size_t kRowsMax = 2'000;
constexpr std::size_t kBytesWanted = 1U << 20;

}  // namespace

Result<Page> read_page(const PostgresqlRead& read, const Query& query, const PostgresqlPlan& plan,
                       PlaceRange range, std::optional<nlohmann::json> after) {
  const auto& codec = read.codec();
  const auto select =
      "SELECT " + read.layout().select_list("") + " FROM " + read.layout().table() + " t";
  PageBuilder builder(query);
  // With one to spare an answer says that it is the last.
  auto asked = std::min(kRowsFirst, builder.limit() + 1);
  for (std::size_t taken = 0;;) {
    PostgresqlConditions conditions;
    plan.append_filters(conditions);
    plan.append_range(range, after, conditions);
    TRIBUTARY_ASSIGN(const auto rows,
                     read.rows(select + conditions.where() + plan.order(query.descending) +
                                   " LIMIT " + std::to_string(asked),
                               conditions.parameters()));
    std::size_t bytes = 0;
    std::optional<Keyset> last;
    for (int row = 0; row < rows.size(); ++row) {
      auto event = codec.decode(rows, row);
      auto place = codec.place_of(event);
      if (!place) continue;  // of others, that have no place in the order
      if (builder.full()) return std::move(builder).with_next();
      std::string text;
      append_canonical(event, text);
      if (query.meta) text = with_meta(std::move(text), codec.decode_meta(rows, row));
      bytes += text.size();
      last = place;
      after = std::move(event);
      builder.add(std::move(text), std::move(*place));
      ++taken;
    }
    if (static_cast<std::size_t>(rows.size()) < asked) return std::move(builder).last();
    if (!last) {  // of others, all of them
      if (asked > kRowsMax)
        return fail(errc::unavailable, "too many rows of the table are no events");
      asked *= 2;
      continue;
    }
    (query.descending ? range.upper : range.lower) = *last;
    const auto each = std::max<std::size_t>(bytes / asked, 1);
    asked =
        std::min(std::clamp(kBytesWanted / each, kRowsMin, kRowsMax), builder.limit() + 1 - taken);
  }
}

}  // namespace tributary::collector
