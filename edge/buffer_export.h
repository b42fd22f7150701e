#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edge/buffer.h"
#include "shared/base/result.h"

namespace tributary::edge {

// What was not released when it began, as NDJSON: the events' bytes, one a line, the oldest of the
// first buffer first. What is delivered meanwhile may be left out. Releases nothing, and takes no
// lock while the disk works. One thread at a time; the buffers must outlive it.
class BufferExport {
 public:
  explicit BufferExport(const std::vector<Buffer*>& buffers);

  // The next lines, about 64 KiB; empty at the end.
  Result<std::string> next();

  [[nodiscard]] std::uint64_t exported() const { return exported_; }
  // Records that were neither there nor delivered: damaged, or dropped by a full buffer.
  [[nodiscard]] std::uint64_t missing() const { return missing_; }
  // {"exported":…,"missing":…}
  [[nodiscard]] std::string report() const;

 private:
  struct Part {
    Log* log;
    Position released;  // when it began
    Sequence after;     // read through here
    Sequence last;
  };

  Result<std::string> read(Part& part);
  void count_missing(const Part& part, const std::vector<SequenceRange>& ranges);

  std::vector<Part> parts_;
  std::size_t part_ = 0;
  std::uint64_t exported_ = 0;
  std::uint64_t missing_ = 0;
};

}  // namespace tributary::edge
