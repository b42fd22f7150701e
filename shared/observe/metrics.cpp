#include "shared/observe/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <utility>

#include "shared/base/check.h"
#include "shared/base/mutex.h"

namespace tributary {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double amount) override { counter_.Increment(amount); }
  double value() const override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

// A family whose values are asked for.
struct ObservedFamily {
  Metrics::Kind kind;
  std::string help;
  std::map<MetricLabels, std::function<double()>> reads;
};

prometheus::ClientMetric read_metric(Metrics::Kind kind, const MetricLabels& labels,
                                     const std::function<double()>& read) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  (kind == Metrics::Kind::gauge ? metric.gauge.value : metric.counter.value) = read();
  return metric;
}

// prometheus-cpp throws for names that aren't ones, and for one name with two types: bugs.
template <class Make>
decltype(auto) checked(Make make) TRIBUTARY_NO_THREAD_SAFETY_ANALYSIS {  // calls what needs a lock
  try {
    return make();
  } catch (const std::exception& error) {
    check_failed(error.what(), __FILE__, __LINE__);
  }
}

}  // namespace

class Metrics::Impl {
 public:
  using Key = std::pair<std::string, MetricLabels>;

  mutable Mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};  // any thread
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counter_families
      TRIBUTARY_GUARDED_BY(mutex);
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histogram_families
      TRIBUTARY_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<PrometheusCounter>> counters TRIBUTARY_GUARDED_BY(mutex);
  std::map<Key, std::unique_ptr<PrometheusHistogram>> histograms TRIBUTARY_GUARDED_BY(mutex);
  std::map<std::string, ObservedFamily> observed TRIBUTARY_GUARDED_BY(mutex);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help,
                          const MetricLabels& labels) {
  const MutexLock lock(impl_->mutex);
  auto& counter = impl_->counters[{name, labels}];
  if (counter == nullptr) {
    checked([&]() TRIBUTARY_REQUIRES(impl_->mutex) {
      auto& family = impl_->counter_families[name];
      if (family == nullptr)
        family = &prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
      counter = std::make_unique<PrometheusCounter>(family->Add(labels));
    });
  }
  return *counter;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const std::vector<double>& bounds, const MetricLabels& labels) {
  const MutexLock lock(impl_->mutex);
  auto& histogram = impl_->histograms[{name, labels}];
  if (histogram == nullptr) {
    checked([&]() TRIBUTARY_REQUIRES(impl_->mutex) {
      auto& family = impl_->histogram_families[name];
      if (family == nullptr)
        family = &prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
      histogram = std::make_unique<PrometheusHistogram>(family->Add(labels, bounds));
    });
  }
  return *histogram;
}

void Metrics::observe(Kind kind, const std::string& name, const std::string& help,
                      const MetricLabels& labels, std::function<double()> read) {
  const MutexLock lock(impl_->mutex);
  CHECK(!impl_->counter_families.contains(name) && !impl_->histogram_families.contains(name));
  auto& family = impl_->observed[name];
  family.kind = kind;
  family.help = help;
  family.reads.insert_or_assign(labels, std::move(read));
}

std::string Metrics::text() const {
  std::map<std::string, ObservedFamily> observed;
  {
    const MutexLock lock(impl_->mutex);
    observed = impl_->observed;
  }
  auto families = impl_->registry.Collect();
  for (const auto& [name, from] : observed) {
    prometheus::MetricFamily family;
    family.name = name;
    family.help = from.help;
    family.type =
        from.kind == Kind::gauge ? prometheus::MetricType::Gauge : prometheus::MetricType::Counter;
    for (const auto& [labels, read] : from.reads)
      family.metric.push_back(read_metric(from.kind, labels, read));
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace tributary
