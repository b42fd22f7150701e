#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/http/server.h"

namespace tributary {

// HttpServerOptions::gzip of a server that compresses (zlib inside). One holds about 140 KiB.
std::unique_ptr<HttpCompressor> make_gzip();

}  // namespace tributary
