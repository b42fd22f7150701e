#include "collector/store/mongodb_error.h"

#include <algorithm>
#include <array>

namespace tributary::collector {
namespace {

constexpr std::array<std::uint32_t, 3> kRefusedUser{
    13,     // Unauthorized
    18,     // AuthenticationFailed
    8'000,  // AtlasError
};

constexpr std::array<std::uint32_t, 19> kOfTheDocument{
    kBadValue,
    9,       // FailedToParse
    14,      // TypeMismatch
    15,      // Overflow
    22,      // InvalidBSON
    52,      // DollarPrefixedFieldName
    53,      // InvalidIdField
    54,      // NotSingleValueField
    55,      // InvalidDBRef
    56,      // EmptyFieldName
    57,      // DottedFieldName
    121,     // DocumentValidationFailure
    171,     // CannotIndexParallelArrays
    201,     // CannotBuildIndexKeys
    10'334,  // BSONObjectTooLarge
    16'755,  // a 2dsphere index finds no geometry
    16'766,  // a text index finds an unknown language
    17'261,  // a text index finds a language that is no string
    17'280,  // KeyTooLong
};

constexpr std::array<std::uint32_t, 25> kOfTheServer{
    6,       // HostUnreachable
    7,       // HostNotFound
    13,      // Unauthorized
    18,      // AuthenticationFailed
    24,      // LockTimeout
    46,      // LockBusy
    50,      // MaxTimeMSExpired
    63,      // StaleShardVersion
    89,      // NetworkTimeout
    91,      // ShutdownInProgress
    112,     // WriteConflict
    133,     // FailedToSatisfyReadPreference
    134,     // ReadConcernMajorityNotAvailableYet
    150,     // StaleEpoch
    189,     // PrimarySteppedDown
    262,     // ExceededTimeLimit
    9'001,   // SocketException
    10'058,  // NotWritablePrimary, of old servers
    10'107,  // NotWritablePrimary
    11'600,  // InterruptedAtShutdown
    11'601,  // Interrupted
    11'602,  // InterruptedDueToReplStateChange
    13'435,  // NotPrimaryNoSecondaryOk
    13'436,  // NotPrimaryOrSecondary
    14'031,  // OutOfDiskSpace
};

constexpr std::array<std::uint32_t, 2> kOfACommand{22, 10'334};

}  // namespace

bool is_refused_user(const bson_error_t& error) {
  if (error.domain == MONGOC_ERROR_CLIENT) return error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE;
  return error.domain == MONGOC_ERROR_SERVER &&
         std::ranges::find(kRefusedUser, error.code) != kRefusedUser.end();
}

bool is_of_the_document(std::uint32_t code) {
  return std::ranges::find(kOfTheDocument, code) != kOfTheDocument.end();
}

bool is_of_the_server(std::uint32_t code) {
  return std::ranges::find(kOfTheServer, code) != kOfTheServer.end();
}

bool is_of_a_document(const bson_error_t& error) {
  if (error.domain == MONGOC_ERROR_BSON) return true;
  return error.domain == MONGOC_ERROR_SERVER &&
         std::ranges::find(kOfACommand, error.code) != kOfACommand.end();
}

}  // namespace tributary::collector
