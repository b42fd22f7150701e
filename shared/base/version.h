#pragma once

namespace tributary {

// "0.1.0": of project() in the top CMakeLists.txt, from where the packages have it, too.
extern const char* const kVersion;

// For people: "0.1.0 (commit 0ced98f4a1b2, RelWithDebInfo, Linux armv7l, GNU 12.2.0)".
extern const char* const kVersionAndBuild;

}  // namespace tributary
