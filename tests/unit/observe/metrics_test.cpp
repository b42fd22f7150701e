#include "shared/observe/metrics.h"

#include <catch2/catch.hpp>
#include <thread>

using namespace tributary;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

TEST_CASE("a counter is given out with its help, type and labels") {
  Metrics metrics;
  auto& counter = metrics.counter("tributary_events_total", "Events.", {{"pipeline", "a\"b"}});
  counter.add();
  counter.add(2.5);
  REQUIRE(counter.value() == 3.5);
  const auto text = metrics.text();
  REQUIRE(has_line(text, "# HELP tributary_events_total Events."));
  REQUIRE(has_line(text, "# TYPE tributary_events_total counter"));
  REQUIRE(has_line(text, R"(tributary_events_total{pipeline="a\"b"} 3.5)"));
}

TEST_CASE("the same name and labels are the same counter, other labels another one of its family") {
  Metrics metrics;
  auto& first = metrics.counter("tributary_events_total", "Events.", {{"pipeline", "a"}});
  REQUIRE(&metrics.counter("tributary_events_total", "Events.", {{"pipeline", "a"}}) == &first);
  REQUIRE(&metrics.counter("tributary_events_total", "Events.", {{"pipeline", "b"}}) != &first);
  const auto text = metrics.text();
  REQUIRE(text.find("# TYPE tributary_events_total") ==
          text.rfind("# TYPE tributary_events_total"));
}

TEST_CASE("a histogram counts into its buckets") {
  Metrics metrics;
  auto& histogram = metrics.histogram("tributary_write_seconds", "Writes.", {0.1, 1});
  REQUIRE(&metrics.histogram("tributary_write_seconds", "Writes.", {0.1, 1}) == &histogram);
  histogram.observe(0.05);
  histogram.observe(0.5);
  histogram.observe(5);
  const auto text = metrics.text();
  REQUIRE(has_line(text, "tributary_write_seconds_count 3"));
  REQUIRE(has_line(text, "tributary_write_seconds_bucket{le=\"1\"} 2"));
  REQUIRE(has_line(text, "tributary_write_seconds_bucket{le=\"+Inf\"} 3"));
}

TEST_CASE("an observed value is asked for at each scrape, and may be registered again") {
  Metrics metrics;
  double depth = 1;
  metrics.observe(Metrics::Kind::gauge, "tributary_edge_buffer_records", "Records.",
                  {{"pipeline", "a"}}, [&] { return depth; });
  metrics.observe(Metrics::Kind::gauge, "tributary_edge_buffer_records", "Records.",
                  {{"pipeline", "b"}}, [] { return 7; });
  metrics.observe(Metrics::Kind::counter, "tributary_dropped_total", "Dropped.", {},
                  [] { return 1e15; });
  REQUIRE(has_line(metrics.text(), "tributary_edge_buffer_records{pipeline=\"a\"} 1"));
  depth = 2;
  auto text = metrics.text();
  REQUIRE(has_line(text, "tributary_edge_buffer_records{pipeline=\"a\"} 2"));
  REQUIRE(has_line(text, "tributary_edge_buffer_records{pipeline=\"b\"} 7"));
  REQUIRE(has_line(text, "# TYPE tributary_dropped_total counter"));
  REQUIRE(has_line(text, "tributary_dropped_total 1000000000000000"));
  metrics.observe(Metrics::Kind::gauge, "tributary_edge_buffer_records", "Records.",
                  {{"pipeline", "b"}}, [] { return 8; });
  REQUIRE(has_line(metrics.text(), "tributary_edge_buffer_records{pipeline=\"b\"} 8"));
}

TEST_CASE("metrics may be made, counted and read by several threads at once") {
  Metrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          metrics.counter("tributary_x_total", "X.", {{"n", std::to_string(i % 10)}}).add();
          if (i % 50 == 0) static_cast<void>(metrics.text());
        }
      });
    }
  }
  REQUIRE(metrics.counter("tributary_x_total", "X.", {{"n", "0"}}).value() == 80);
}
