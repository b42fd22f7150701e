#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "shared/observe/logging.h"

namespace tributary::test {

// The lines logged while it lives, which it takes away from standard error.
class CapturedLog {
 public:
  explicit CapturedLog(LogFormat format, LogLevel least = LogLevel::debug)
      : file_(std::tmpfile()), saved_(::dup(STDERR_FILENO)) {
    REQUIRE(file_ != nullptr);
    ::dup2(::fileno(file_), STDERR_FILENO);
    start_logging(format, least);
  }
  ~CapturedLog() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    std::fclose(file_);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  [[nodiscard]] std::vector<std::string> lines() const {
    std::string text(static_cast<std::size_t>(::lseek(::fileno(file_), 0, SEEK_END)), '\0');
    REQUIRE(::pread(::fileno(file_), text.data(), text.size(), 0) ==
            static_cast<ssize_t>(text.size()));
    std::vector<std::string> result;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      REQUIRE(end != std::string::npos);
      result.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return result;
  }

 private:
  std::FILE* file_;
  int saved_;
};

}  // namespace tributary::test
