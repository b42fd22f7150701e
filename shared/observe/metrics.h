#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tributary {

using MetricLabels = std::map<std::string, std::string>;

// A number that only grows. Any thread; cheap.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};

// A distribution. Any thread.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

// The program's metrics, given out as Prometheus text (prometheus-cpp inside). Names begin with
// `tributary_`, units last. What is made lives as long as the Metrics. Any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same one for the same name and labels. A name has one type: anything else is a bug.
  Counter& counter(const std::string& name, const std::string& help,
                   const MetricLabels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& bounds, const MetricLabels& labels = {});
  // A value that is asked for at each scrape; `read` may be called from any thread. `counter`: it
  // only grows. The last `read` for a name and labels is the one asked.
  enum class Kind { gauge, counter };
  void observe(Kind kind, const std::string& name, const std::string& help,
               const MetricLabels& labels, std::function<double()> read);

  // Prometheus text exposition format 0.0.4.
  std::string text() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary
