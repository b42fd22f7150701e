#include "edge/buffer_routes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "edge/buffer_export.h"
#include "shared/http/problem.h"
#include "shared/observe/logging.h"

namespace tributary::edge {
namespace {

using Buffers = std::vector<std::unique_ptr<Buffer>>;

constexpr std::size_t kColumns = 9;
using Row = std::array<std::string, kColumns>;
constexpr std::array<bool, kColumns> kLeft{true, false, true, false, false, true};  // aligned
constexpr std::size_t kShownMax = 64;

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", size, kUnits.at(unit));
  return text.data();
}

Row row_of(const BufferReport& report) {
  return {report.pipeline,
          std::to_string(report.records),
          report.oldest ? report.oldest->text() : "-",
          size_text(report.bytes),
          size_text(report.size_max),
          std::string(text(report.when_full)),
          std::to_string(report.dropped),
          std::to_string(report.damaged),
          size_text(report.kept_aside_bytes)};
}

std::string to_line(const Row& row, const std::array<std::size_t, kColumns>& widths) {
  std::string line;
  for (std::size_t i = 0; i < kColumns; ++i) {
    const std::string fill(widths.at(i) - row.at(i).size(), ' ');
    if (i > 0) line += "  ";
    line += kLeft.at(i) ? row.at(i) + fill : fill + row.at(i);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line += '\n';
}

HttpResponse show(const HttpRequest& request, const Buffers& buffers) {
  const auto format = request.parameter("format").value_or("json");
  if (format != "json" && format != "table") {
    return problem(400, "the parameter format is json (the default) or table");
  }
  if (format == "json") {
    return {.status = 200, .body = buffers_json(buffers), .headers = {}};
  }
  return {.status = 200,
          .content_type = "text/plain; charset=utf-8",
          .body = buffers_table(buffers),
          .headers = {}};
}

// The pieces of an export, as HttpResponder::stream asks for them.
class ExportPieces {
 public:
  ExportPieces(const std::vector<Buffer*>& buffers, bool with_report)
      : export_(buffers), with_report_(with_report) {}

  std::optional<std::string> next() {
    if (ended_) return std::string();
    auto lines = export_.next();
    if (!lines) {
      log_warning("buffer", "an export is broken off", {{"error", lines.error().message()}});
      return std::nullopt;
    }
    if (!lines->empty()) return *std::move(lines);
    ended_ = true;
    return with_report_ ? "\n" + export_.report() + "\n" : std::string();
  }

 private:
  BufferExport export_;
  bool with_report_;
  bool ended_ = false;
};

void export_events(const HttpRequest& request, HttpResponder responder, const Buffers& buffers) {
  const auto wanted = request.parameter("pipeline");
  std::vector<Buffer*> chosen;
  std::string names;
  for (const auto& buffer : buffers) {
    names += (names.empty() ? "" : ", ") + buffer->pipeline();
    if (!wanted || buffer->pipeline() == *wanted) chosen.push_back(buffer.get());
  }
  if (wanted && chosen.empty()) {
    return responder.respond(problem(404, "there is no buffer of a pipeline \"" +
                                              std::string(wanted->substr(0, kShownMax)) +
                                              "\": there are " + names));
  }
  const bool with_report = request.parameter("report") == "true";
  responder.stream(
      200, "application/x-ndjson",
      [pieces = ExportPieces(chosen, with_report)]() mutable { return pieces.next(); });
}

}  // namespace

void register_buffer_routes(HttpServer& server, const Buffers& buffers) {
  server.route(
      {.method = "GET", .pattern = "/buffer", .runs = HttpRoute::Runs::on_worker, .scope = "admin"},
      [&buffers](const HttpRequest& request) { return show(request, buffers); });
  server.route({.method = "GET",
                .pattern = "/buffer/export",
                .runs = HttpRoute::Runs::on_worker,
                .scope = "admin"},
               HttpHandler([&buffers](const HttpRequest& request, HttpResponder responder) {
                 export_events(request, std::move(responder), buffers);
               }));
}

std::string buffers_json(const Buffers& buffers) {
  std::string json = R"({"pipelines":[)";
  for (const auto& buffer : buffers) {
    json += (json.back() == '[' ? "\n" : ",\n") + buffer->report().json();
  }
  return json += "\n]}\n";
}

std::string buffers_table(const Buffers& buffers) {
  std::vector<Row> rows{{"PIPELINE", "RECORDS", "OLDEST", "SIZE", "LIMIT", "WHEN FULL", "DROPPED",
                         "DAMAGED", "KEPT ASIDE"}};
  for (const auto& buffer : buffers) rows.push_back(row_of(buffer->report()));
  std::array<std::size_t, kColumns> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i)
      widths.at(i) = std::max(widths.at(i), row.at(i).size());
  }
  std::string table;
  for (const auto& row : rows) table += to_line(row, widths);
  return table;
}

}  // namespace tributary::edge
