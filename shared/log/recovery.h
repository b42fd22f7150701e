#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "shared/base/id.h"
#include "shared/base/result.h"
#include "shared/base/sequence.h"
#include "shared/io/file_system.h"
#include "shared/log/cursor_file.h"
#include "shared/log/damaged_store.h"
#include "shared/log/log.h"
#include "shared/log/segment.h"

namespace tributary {

// A log as its directory tells it. There is no other source: where the log ends, what its id is and
// which sequence comes next are found by going through the segments and the cursors.
struct Recovered {
  struct Cursor {
    std::string name;
    Position position;
    std::unique_ptr<CursorFile> file;
  };

  Id log;
  std::deque<std::shared_ptr<Segment>> segments;
  std::shared_ptr<Segment> active;  // the last segment, when records may be added to it
  Sequence committed;               // the next record has the sequence after it
  std::vector<Cursor> cursors;      // those of the options, in their order; durable
  Recovery report;
};

// Makes the directory when it is missing. The caller holds the log's lock, or there is no
// directory.
Result<void> prepare_directory(FileSystem& files, const std::filesystem::path& directory);

// Looks at everything first and changes nothing before it knows that every file is of a version and
// with features that this program understands. Each change is one step after which a crash leaves a
// directory that recovers to the same log. The caller holds the log's lock.
Result<Recovered> recover(FileSystem& files, const LogOptions& options, DamagedStore& damaged);

}  // namespace tributary
