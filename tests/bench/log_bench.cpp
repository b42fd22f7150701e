// Measures append and commit against bare write(2) and fdatasync(2) of the same bytes, in turns, so
// that both meet the same disk.
//
//     bench_log [directory]      default: bench_log.tmp below the working directory

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "shared/base/check.h"
#include "shared/log/frame.h"
#include "shared/log/log.h"

using namespace tributary;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRecordSize = 200;
constexpr int kTurns = 60;
constexpr std::chrono::milliseconds kTurn{40};

struct Measure {
  std::uint64_t events = 0;
  double seconds = 0;
  double cpu_seconds = 0;

  [[nodiscard]] double rate() const { return static_cast<double>(events) / seconds; }
};

// Bytes that no disk can store in less room.
Bytes noise(std::size_t size) {
  std::minstd_rand random(1);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() >> 8 & 0xFF);
  return bytes;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto in_seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return in_seconds(usage.ru_utime) + in_seconds(usage.ru_stime);
}

// Commits until the turn is over.
template <class Side>
Measure measure(Side& side, std::size_t commit_size) {
  Measure measure;
  const auto cpu = cpu_seconds();
  const auto start = Clock::now();
  auto now = start;
  do {
    side.commit();
    measure.events += commit_size;
    now = Clock::now();
  } while (now - start < kTurn);
  measure.seconds = std::chrono::duration<double>(now - start).count();
  measure.cpu_seconds = cpu_seconds() - cpu;
  return measure;
}

class LogSide {
 public:
  LogSide(const std::filesystem::path& directory, std::size_t commit_size)
      : commit_size_(commit_size) {
    auto opened = Log::open(posix_file_system(), {.directory = directory, .size_max = 4ULL << 30});
    CHECK(opened);
    log_ = std::move(*opened);
  }
  void commit() {
    for (std::size_t i = 0; i < commit_size_; ++i) CHECK(log_->append(record_));
    CHECK(log_->commit());
  }

 private:
  std::size_t commit_size_;
  Bytes record_ = noise(kRecordSize);
  std::unique_ptr<Log> log_;
};

// Files of the segments' size, so that both pay for new ones.
class BareSide {
 public:
  BareSide(std::filesystem::path directory, std::size_t commit_size)
      : directory_(std::move(directory)),
        bytes_(noise(commit_size * (kRecordSize + kFrameHeaderSize))) {
    std::filesystem::create_directories(directory_);
  }
  BareSide(const BareSide&) = delete;
  BareSide& operator=(const BareSide&) = delete;
  ~BareSide() { ::close(file_); }
  void commit() {
    if (file_ < 0 || written_ >= LogOptions{}.segment_size) {
      if (file_ >= 0) ::close(file_);
      file_ = ::open((directory_ / std::to_string(number_++)).c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      CHECK(file_ >= 0);
      written_ = 0;
    }
    CHECK(::write(file_, bytes_.data(), bytes_.size()) == static_cast<ssize_t>(bytes_.size()));
    CHECK(::fdatasync(file_) == 0);
    written_ += bytes_.size();
  }

 private:
  std::filesystem::path directory_;
  Bytes bytes_;
  int file_ = -1;
  int number_ = 0;
  std::uint64_t written_ = 0;
};

Measure sum(const std::vector<Measure>& turns) {
  Measure all;
  for (const auto& turn : turns) {
    all.events += turn.events;
    all.seconds += turn.seconds;
    all.cpu_seconds += turn.cpu_seconds;
  }
  return all;
}

// The median of the turns' ratios: one stall of the disk must not decide.
double ratio(const std::vector<Measure>& log, const std::vector<Measure>& bare) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < log.size(); ++i) ratios.push_back(log[i].rate() / bare[i].rate());
  std::ranges::nth_element(ratios, ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2));
  return ratios[ratios.size() / 2];
}

void measure_commit_size(const std::filesystem::path& directory, std::size_t commit_size) {
  std::vector<Measure> log;
  std::vector<Measure> bare;
  std::filesystem::remove_all(directory);
  LogSide log_side(directory / "log", commit_size);
  BareSide bare_side(directory / "bare", commit_size);
  for (int turn = 0; turn < kTurns; ++turn) {
    const bool log_first = turn % 2 == 0;
    if (log_first) log.push_back(measure(log_side, commit_size));
    bare.push_back(measure(bare_side, commit_size));
    if (!log_first) log.push_back(measure(log_side, commit_size));
  }
  const auto log_sum = sum(log);
  const auto bare_sum = sum(bare);
  const auto cpu_per_100k = [](const Measure& all) {
    return all.cpu_seconds * 1e5 / static_cast<double>(all.events);
  };
  std::printf(
      "%6zu  ratio %.2f  log %8.0f events/s  bare %8.0f events/s  "
      "CPU s per 100,000 events: log %.3f, bare %.3f\n",
      commit_size, ratio(log, bare), log_sum.rate(), bare_sum.rate(), cpu_per_100k(log_sum),
      cpu_per_100k(bare_sum));
  std::fflush(stdout);
}

void measure_open(const std::filesystem::path& directory, std::uint64_t bytes) {
  std::filesystem::remove_all(directory);
  const LogOptions options{.directory = directory, .size_max = 2 * bytes};
  {
    auto log = Log::open(posix_file_system(), options);
    CHECK(log);
    const Bytes record(kRecordSize, std::byte{'r'});
    while ((*log)->stats().bytes < bytes) {
      for (int i = 0; i < 20'000; ++i) CHECK((*log)->append(record));
      CHECK((*log)->commit());
    }
  }
  const auto start = Clock::now();
  const auto log = Log::open(posix_file_system(), options);
  const auto seconds = std::chrono::duration<double>(Clock::now() - start).count();
  CHECK(log);
  std::printf("open of %llu MiB, %llu records: %.3f s\n",
              static_cast<unsigned long long>((*log)->stats().bytes >> 20),
              static_cast<unsigned long long>((*log)->stats().committed.value), seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path directory = argc > 1 ? argv[1] : "bench_log.tmp";
  std::printf("records of %zu bytes to a commit; in %s\n", kRecordSize,
              std::filesystem::absolute(directory).c_str());
  for (const std::size_t commit_size : {1U, 10U, 100U, 1000U}) {
    measure_commit_size(directory / "log_bench", commit_size);
  }
  measure_open(directory / "log_bench", 256U << 20);
  std::filesystem::remove_all(directory / "log_bench");
  return 0;
}
