#include "shared/base/version.h"

#include "shared/base/build.h"

namespace tributary {

const char* const kVersion = TRIBUTARY_VERSION;
const char* const kVersionAndBuild =
    TRIBUTARY_VERSION " (commit " TRIBUTARY_COMMIT ", " TRIBUTARY_BUILD ")";

}  // namespace tributary
