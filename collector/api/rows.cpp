#include "collector/api/rows.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "collector/api/csv.h"
#include "collector/store/store.h"
#include "shared/base/json_string.h"
#include "shared/http/problem.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kPieceRows = 1'000;

HttpResponse json_page(const RowPage& page) {
  HttpResponse response;
  auto& body = response.body;
  body = R"({"data":[)";
  for (const auto& row : page.rows) {
    if (body.back() != '[') body += ',';
    body += row;
  }
  body += R"(],"next":)";
  body += page.next ? json_string(*page.next) : "null";
  body += '}';
  return response;
}

// Rows page after page, as the pieces of a stream.
class Pieces {
 public:
  Pieces(const RowsRequest& request, ReadRows read)
      : read_(std::move(read)), left_(request.limit), all_columns_(request.all_columns) {
    if (request.format == Format::csv) csv_.emplace(request.columns);
  }

  // The first page is read before the answer begins, so that what is wrong can still be said.
  Result<void> start() {
    TRIBUTARY_TRY(read_page());
    if (csv_) head_ = csv_->header(page_.rows, !at_end_ && !all_columns_);
    return {};
  }

  // As HttpResponder::stream asks for them.
  std::optional<std::string> next() {
    for (;;) {
      if (!page_.rows.empty() || !head_.empty()) return text_of(std::exchange(page_, {}).rows);
      if (at_end_) return std::string();
      if (const auto found = read_page(); !found) {
        log_warning("query", "an answer is broken off", {{"error", found.error().message()}});
        return std::nullopt;
      }
    }
  }

 private:
  Result<void> read_page() {
    const auto limit = std::min<std::uint64_t>(left_.value_or(kPieceRows), kPieceRows);
    TRIBUTARY_ASSIGN(page_, read_(static_cast<std::size_t>(limit)));
    if (left_) *left_ -= std::min<std::uint64_t>(*left_, page_.rows.size());
    at_end_ = !page_.next || left_ == 0U;
    return {};
  }

  std::string text_of(const std::vector<std::string>& rows) {
    auto text = std::exchange(head_, {});
    for (const auto& row : rows) {
      if (csv_) {
        csv_->append_row(row, text);
      } else {
        text.append(row) += '\n';
      }
    }
    return text;
  }

  ReadRows read_;
  std::optional<std::uint64_t> left_;
  std::optional<CsvWriter> csv_;
  bool all_columns_;
  std::string head_;     // until it is given out
  RowPage page_;         // read, and not given out yet
  bool at_end_ = false;  // no page behind it
};

}  // namespace

void answer_rows(HttpResponder responder, const RowsRequest& request, ReadRows read) {
  // Accept chooses the format.
  const std::pair<std::string, std::string> vary("Vary", "Accept");
  if (request.format == Format::json) {
    const auto page = read(static_cast<std::size_t>(request.limit.value_or(kPageEventsMax)));
    auto response = page ? json_page(*page) : store_problem(page.error());
    response.headers.push_back(vary);
    return responder.respond(std::move(response));
  }
  Pieces pieces(request, std::move(read));
  if (const auto started = pieces.start(); !started) {
    return responder.respond(store_problem(started.error()));
  }
  responder.stream({.status = 200,
                    .content_type = std::string(content_type(request.format)),
                    .body = {},
                    .headers = {vary}},
                   [pieces = std::move(pieces)]() mutable { return pieces.next(); });
}

HttpResponse store_problem(const Error& error) {
  if (error == errc::invalid_argument) return problem(400, error.message());
  return unavailable(error.message(), std::chrono::seconds(5));
}

}  // namespace tributary::collector
