#pragma once

#include <cstdint>
#include <vector>

#include "collector/stream/stream.h"

namespace tributary::collector {

// At most `most` dead letters of a log of dead letters, after the sequence `after`, oldest first. A
// record that is no envelope is listed with the reason "damaged" and its bytes. Any thread.
Result<std::vector<DeadLetter>> list_dead_letters(const Log& log, std::uint64_t after,
                                                  std::size_t most);

}  // namespace tributary::collector
