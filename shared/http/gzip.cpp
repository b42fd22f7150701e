#include "shared/http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "shared/base/check.h"

namespace tributary {
namespace {

// Events as NDJSON get 9.4 times smaller at 450 MB/s; at level 6 11 times at 200 MB/s.
constexpr int kLevel = 1;
constexpr int kWindowBits = 14;
constexpr int kGzipFormat = 16;  // added to the window's bits
constexpr int kMemoryLevel = 7;

class Gzip final : public HttpCompressor {
 public:
  Gzip() {
    CHECK(deflateInit2(&stream_, kLevel, Z_DEFLATED, kWindowBits + kGzipFormat, kMemoryLevel,
                       Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~Gzip() override { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  std::string add(std::string_view piece) override { return deflated(piece, Z_SYNC_FLUSH); }
  std::string finish(std::string_view piece) override { return deflated(piece, Z_FINISH); }

 private:
  std::string deflated(std::string_view piece, int flush) {
    CHECK(piece.size() <= std::numeric_limits<uInt>::max());
    // zlib doesn't write there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    std::string compressed;
    std::array<char, 16384> part{};
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(part.data());
      stream_.avail_out = static_cast<uInt>(part.size());
      const int state = deflate(&stream_, flush);
      CHECK(state == Z_OK || state == Z_STREAM_END || state == Z_BUF_ERROR);
      compressed.append(part.data(), part.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return compressed;
  }

  z_stream stream_{};
};

}  // namespace

std::unique_ptr<HttpCompressor> make_gzip() { return std::make_unique<Gzip>(); }

}  // namespace tributary
