#include "shared/front/observer.h"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/http/tokens.h"
#include "shared/observe/logging.h"

namespace tributary {
namespace {

constexpr std::string_view kComponent = "http";
constexpr std::size_t kPathMax = 256;

const std::vector<double>& duration_bounds() {
  static const std::vector<double> bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                          0.25,  0.5,    1,     2.5,  5,     10};
  return bounds;
}

// A histogram for each route, method and class of status. What is of no route is one route, so that
// nobody can make series at will.
class RouteDurations {
 public:
  explicit RouteDurations(Metrics& metrics) : metrics_(metrics) {}

  void add(const HttpAnswered& answered) {
    const bool head = answered.route != nullptr && answered.method == "HEAD";
    histogram(answered.route, head, answered.status / 100)
        .observe(std::chrono::duration<double>(answered.duration).count());
  }

 private:
  Histogram& histogram(const HttpRoute* route, bool head, int status_class) {
    const MutexLock lock(mutex_);
    auto& known = known_[{route, head, status_class}];
    if (known == nullptr) {
      known =
          &metrics_.histogram("tributary_http_request_seconds",
                              "From a whole request to the end of its answer", duration_bounds(),
                              {{"route", route == nullptr ? "none" : route->pattern},
                               {"method", route == nullptr ? "none"
                                          : head           ? "HEAD"
                                                           : route->method},
                               {"status", std::to_string(status_class) + "xx"}});
    }
    return *known;
  }

  Metrics& metrics_;
  Mutex mutex_;
  std::map<std::tuple<const HttpRoute*, bool, int>, Histogram*> known_ TRIBUTARY_GUARDED_BY(mutex_);
};

void log_answered(const HttpAnswered& answered) {
  std::string_view route;
  if (answered.route != nullptr) route = answered.route->pattern;
  log_info(kComponent, answered.whole ? "answered" : "answer broken off",
           {{"method", answered.method},
            {"path", answered.path.substr(0, kPathMax)},
            {"route", route},
            {"status", answered.status},
            {"bytes", answered.bytes},
            {"duration_ms", std::chrono::duration<double, std::milli>(answered.duration).count()},
            {"client", answered.client},
            {"request_id", answered.request_id},
            {"token", answered.token}});
}

}  // namespace

void observe_http(HttpServerOptions& options, const FrontSettings& settings, Metrics& metrics) {
  if (options.tokens && !options.tokens->warning().empty())
    log_warning(kComponent, options.tokens->warning());
  options.on_error = [](std::string_view error) { log_error(kComponent, error); };
  options.on_answered = [durations = std::make_shared<RouteDurations>(metrics),
                         logs = settings.access_log](const HttpAnswered& answered) {
    durations->add(answered);
    if (logs) log_answered(answered);
  };
  constexpr const char* kName = "tributary_http_refused_total";
  constexpr const char* kHelp = "Clients that got no further than to the door";
  auto* const connections = &metrics.counter(kName, kHelp, {{"reason", "connections"}});
  auto* const unreadable = &metrics.counter(kName, kHelp, {{"reason", "unreadable"}});
  options.on_refused = [connections, unreadable](HttpRefusal reason) {
    (reason == HttpRefusal::unreadable ? unreadable : connections)->add();
  };
}

void observe_connections(const HttpServer& server, Metrics& metrics) {
  metrics.observe(Metrics::Kind::gauge, "tributary_http_connections", "Connections that are open",
                  {}, [&server] { return static_cast<double>(server.connections()); });
}

}  // namespace tributary
