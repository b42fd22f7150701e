#include "collector/api/query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <ranges>

#include "collector/api/find_pipeline.h"
#include "shared/http/problem.h"
#include "shared/observe/logging.h"

namespace tributary::collector {
namespace {

constexpr std::size_t kJsonLimitDefault = 100;
constexpr std::size_t kNdjsonPage = 1'000;  // events of one query
constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kNdjsonType = "application/x-ndjson";
constexpr std::string_view kFieldPrefix = "where.";
constexpr std::array<std::string_view, 7> kParameters{"start",  "end",    "limit", "order",
                                                      "cursor", "format", "meta"};

enum class Format { json, ndjson };

// What a request asks for.
struct DataRequest {
  Query query;
  Format format = Format::json;
  std::optional<std::uint64_t> limit;
};

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// How much a client wants a media type: its quality, then how exactly it named the type.
struct Preference {
  double quality = 0;
  int exactness = 0;

  auto operator<=>(const Preference&) const = default;
};

// Accept, RFC 9110, 12.5.1.
Preference preference_of(std::string_view type, std::string_view accept) {
  Preference found;
  int exactness_found = 0;
  for (const auto part : std::views::split(accept, ',')) {
    const auto range = trimmed(std::string_view(part.begin(), part.end()));
    const auto name = trimmed(range.substr(0, range.find(';')));
    const int exactness = name == type ? 3 : name == "application/*" ? 2 : name == "*/*" ? 1 : 0;
    if (exactness <= exactness_found) continue;
    exactness_found = exactness;
    found = {.quality = 1, .exactness = exactness};
    if (const auto q = range.find("q="); q != std::string_view::npos) {
      const auto digits = range.substr(q + 2);
      std::from_chars(digits.data(), digits.data() + digits.size(), found.quality);
    }
  }
  return found;
}

// Nothing when the client takes neither.
std::optional<Format> format_for(std::string_view accept) {
  if (trimmed(accept).empty()) return Format::json;
  const auto json = preference_of(kJsonType, accept);
  const auto ndjson = preference_of(kNdjsonType, accept);
  if (json.quality <= 0 && ndjson.quality <= 0) return std::nullopt;
  return ndjson > json ? Format::ndjson : Format::json;
}

// The + of an offset that nobody escaped arrives as a space.
std::string with_plus(std::string_view time) {
  constexpr std::size_t kOffsetSize = 6;  // +01:00
  constexpr std::size_t kTimeSizeMin = 19;
  std::string text(time);
  if (text.size() < kTimeSizeMin + kOffsetSize) return text;
  if (auto& sign = text[text.size() - kOffsetSize]; sign == ' ') sign = '+';
  return text;
}

std::string shown(std::string_view value) {
  constexpr std::size_t kShownMax = 64;
  if (value.size() <= kShownMax) return std::string(value);
  return std::string(value.substr(0, kShownMax)) + "…";
}

// Reads a request's parameters, and every mistake in them.
class RequestReader {
 public:
  RequestReader(const HttpRequest& request, const Schema& schema)
      : http_(request), schema_(schema) {}

  std::expected<DataRequest, HttpResponse> read() {
    sort_parameters();
    if (auto refused = read_format()) return std::unexpected(std::move(*refused));
    read_limit();
    read_order();
    read_time("start", request_.query.start);
    read_time("end", request_.query.end);
    read_cursor();
    read_meta();
    if (!mistakes_.empty()) return std::unexpected(problem(400, mistakes_));
    return std::move(request_);
  }

 private:
  void refuse(std::string_view parameter, std::string_view why) {
    if (!mistakes_.empty()) mistakes_ += "; ";
    mistakes_.append(parameter).append(why);
  }
  void refuse_value(std::string_view parameter, std::string_view why) {
    refuse(parameter, "=" + shown(values_.at(parameter)) + ": " + std::string(why));
  }

  [[nodiscard]] std::optional<std::string_view> value(std::string_view parameter) const {
    const auto found = values_.find(parameter);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  // Into those of ours and filters; each may be there once.
  void sort_parameters() {
    for (const auto& [name, value] : http_.query) {
      std::string_view field = name;
      if (std::ranges::find(kParameters, field) != kParameters.end()) {
        if (!values_.emplace(field, value).second) refuse(name, " is there twice: give it once");
        continue;
      }
      if (field.starts_with(kFieldPrefix)) field.remove_prefix(kFieldPrefix.size());
      if (field.empty()) {
        refuse("\"" + name + "\"", " names no field: write where.<field>=<value>");
        continue;
      }
      auto& filters = request_.query.filters;
      if (std::ranges::find(filters, field, &Filter::field) != filters.end()) {
        refuse(name, " is there twice: a field can have one value");
        continue;
      }
      const auto* declared = schema_.field(field);
      const bool is_time = declared != nullptr && declared->type == SchemaField::Type::time;
      filters.push_back({.field = std::string(field), .value = is_time ? with_plus(value) : value});
    }
  }

  std::optional<HttpResponse> read_format() {
    if (const auto format = value("format")) {
      if (*format == "ndjson") request_.format = Format::ndjson;
      if (*format == "csv") {
        refuse_value("format", "is not offered yet: json or ndjson");
      } else if (*format != "json" && *format != "ndjson") {
        refuse_value("format", "is neither json nor ndjson");
      }
      return std::nullopt;
    }
    const auto format = format_for(http_.header("Accept").value_or(""));
    if (!format) {
      return problem(406,
                     "offered are " + std::string(kJsonType) + " and " + std::string(kNdjsonType));
    }
    request_.format = *format;
    return std::nullopt;
  }

  void read_limit() {
    const bool json = request_.format == Format::json;
    if (json) request_.limit = kJsonLimitDefault;
    const auto text = value("limit");
    if (!text) return;
    std::uint64_t limit = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    const bool whole = error == std::errc() && end == text->data() + text->size() && limit > 0;
    if (json && (!whole || limit > kPageEventsMax)) {
      return refuse_value("limit", "is not a whole number from 1 to " +
                                       std::to_string(kPageEventsMax) +
                                       " (format=ndjson has no upper limit)");
    }
    if (!whole) return refuse_value("limit", "is not a whole number from 1");
    request_.limit = limit;
  }

  void read_order() {
    const auto order = value("order");
    if (!order) return;
    request_.query.descending = *order == "desc";
    if (*order != "asc" && *order != "desc") refuse_value("order", "is neither asc nor desc");
  }

  void read_time(std::string_view parameter, std::optional<Timestamp>& to) {
    const auto text = value(parameter);
    if (!text) return;
    const auto time = Timestamp::parse(with_plus(*text));
    if (!time) return refuse_value(parameter, time.error());
    to = *time;
  }

  void read_cursor() {
    const auto text = value("cursor");
    if (!text) return;
    request_.query.after = Keyset::parse(*text);
    if (!request_.query.after) {
      refuse_value("cursor", "is not what an answer gave as next: give it as it was");
    }
  }

  void read_meta() {
    const auto meta = value("meta");
    if (!meta) return;
    request_.query.meta = *meta == "true";
    if (*meta != "true" && *meta != "false") refuse_value("meta", "is neither true nor false");
  }

  const HttpRequest& http_;
  const Schema& schema_;
  std::map<std::string_view, std::string_view> values_;
  DataRequest request_;
  std::string mistakes_;
};

HttpResponse query_problem(const Error& error) {
  if (error == errc::invalid_argument) return problem(400, error.message());
  auto response = problem(503, error.message());
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

HttpResponse json_page(const Page& page) {
  HttpResponse response;
  response.body = R"({"data":[)";
  for (const auto& event : page.events) {
    if (response.body.back() != '[') response.body += ',';
    response.body += event;
  }
  response.body += R"(],"next":)";
  response.body += page.next ? '"' + page.next->text() + '"' : "null";
  response.body += '}';
  return response;
}

// The events of a query, page after page, as the pieces of a stream.
class NdjsonPages {
 public:
  NdjsonPages(Store& store, Query query, std::optional<std::uint64_t> limit)
      : store_(&store), query_(std::move(query)), left_(limit) {}

  // The first page is read before the answer begins, so that what is wrong can still be said.
  Result<void> start() { return read(); }

  // As HttpResponder::stream asks for them.
  std::optional<std::string> next() {
    if (!ready_ && !at_end_) {
      if (const auto found = read(); !found) {
        log_warning("query", "an answer is broken off", {{"error", found.error().message()}});
        return std::nullopt;
      }
    }
    if (at_end_) return std::string();
    std::string piece;
    for (const auto& event : page_.events) piece.append(event) += '\n';
    if (left_) *left_ -= page_.events.size();
    query_.after = std::move(page_.next);
    at_end_ = !query_.after || left_ == 0U;
    ready_ = false;
    return piece;
  }

 private:
  Result<void> read() {
    query_.limit =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_.value_or(kNdjsonPage), kNdjsonPage));
    TRIBUTARY_ASSIGN(page_, store_->query(query_));
    ready_ = true;
    at_end_ = page_.events.empty();
    return {};
  }

  Store* store_;
  Query query_;
  std::optional<std::uint64_t> left_;
  Page page_;           // the last one read
  bool ready_ = false;  // it is not given out yet
  bool at_end_ = false;
};

void answer(const HttpRequest& http, HttpResponder responder,
            std::span<Pipeline* const> pipelines) {
  const auto pipeline = find_pipeline(http, pipelines);
  if (!pipeline) return responder.respond(pipeline.error());
  auto& store = *(*pipeline)->store;
  auto request = RequestReader(http, (*pipeline)->config.schema).read();
  if (!request) return responder.respond(std::move(request).error());

  if (request->format == Format::json) {
    request->query.limit = static_cast<std::size_t>(request->limit.value_or(kJsonLimitDefault));
    const auto page = store.query(request->query);
    return responder.respond(page ? json_page(*page) : query_problem(page.error()));
  }
  NdjsonPages pages(store, std::move(request->query), request->limit);
  if (const auto started = pages.start(); !started) {
    return responder.respond(query_problem(started.error()));
  }
  responder.stream(200, std::string(kNdjsonType),
                   [pages = std::move(pages)]() mutable { return pages.next(); });
}

}  // namespace

void register_queries(HttpServer& server, std::span<Pipeline* const> pipelines) {
  const std::vector<Pipeline*> all(pipelines.begin(), pipelines.end());
  for (const auto* pattern : {"/data", "/data/{pipeline}"}) {
    server.route(
        {.method = "GET", .pattern = pattern, .runs = HttpRoute::Runs::on_worker, .scope = "query"},
        HttpHandler([all](const HttpRequest& request, HttpResponder responder) {
          answer(request, std::move(responder), all);
        }));
  }
}

}  // namespace tributary::collector
