#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "collector/pipeline.h"
#include "shared/base/clock.h"
#include "tests/support/memory_file_system.h"

namespace tributary::fuzz {

// The pipelines of the built-in schemas, on embedded streams in memory; with a SQLite store each,
// in a temporary directory, which holds a few events.
class Pipelines {
 public:
  enum class Stores { none, with_events };
  explicit Pipelines(Stores stores);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  [[nodiscard]] const std::vector<collector::Pipeline*>& all() const { return all_; }
  [[nodiscard]] collector::Stream& unrouted() { return *unrouted_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

  // Of all streams together: what entered them, and what of it was rejected.
  struct Count {
    std::uint64_t records = 0;
    std::uint64_t rejected = 0;
  };
  [[nodiscard]] Count count() const;

 private:
  std::unique_ptr<collector::Stream> open_stream(const std::string& topic);
  void open_store(collector::Pipeline& pipeline);

  SystemClock clock_;
  test::MemoryFileSystem files_;
  std::filesystem::path directory_;
  std::vector<std::unique_ptr<collector::Pipeline>> pipelines_;
  std::vector<collector::Pipeline*> all_;
  std::unique_ptr<collector::Stream> unrouted_;
};

}  // namespace tributary::fuzz
