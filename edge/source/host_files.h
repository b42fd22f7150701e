#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/result.h"

namespace tributary::edge {

// Files of /proc and /sys are made when they are read: they have no size, reading one may fail
// where opening it didn't, and one may be gone a moment later. The FileSystem seam is for files
// that last; tests of these give another root instead. Paths begin with a slash, below the root.
class HostFiles {
 public:
  // A file, line by line, in constant memory.
  class Lines {
   public:
    // The next line without its end, or as much of it as there is room for (1 KiB), which stays
    // valid until the next call; false at the end. Failures carry errno.
    Result<bool> next(std::string_view& line);

   private:
    friend HostFiles;
    static constexpr std::size_t kLineSizeMax = 1024;
    Lines(std::string_view path, const std::string& real)
        : path_(path), file_(std::fopen(real.c_str(), "re"), std::fclose) {}

    std::string path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
    std::string line_;
  };

  // Empty: the machine itself.
  explicit HostFiles(std::string root) : root_(std::move(root)) {}

  // Failures of all of these carry errno, and their context is the path (without the root).
  [[nodiscard]] Result<Lines> open(std::string_view path) const;
  // The first line. errc::corrupt for an empty file.
  [[nodiscard]] Result<std::string> first_line(std::string_view path) const;
  // Names of the entries that begin with `prefix`, those that end with a number in its order; at
  // most `count_max`, the rest is left out.
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view directory,
                                                      std::string_view prefix,
                                                      std::size_t count_max) const;
  // Where the path is for the system.
  [[nodiscard]] std::string real(std::string_view path) const { return root_ + std::string(path); }

 private:
  std::string root_;
};

// Takes the first word (of what is between blanks) from `text`; empty at its end.
std::string_view take_word(std::string_view& text);

// Takes it as a whole number of digits. False, and `text` is at any place, when it is none.
bool take_count(std::string_view& text, std::uint64_t& count);

}  // namespace tributary::edge
