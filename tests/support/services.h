#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary {

// The Kafka, the MongoDB and the PostgreSQL that all tests of one run share: a test takes topic and
// database names of its own, and never ends them. Each is the one that TRIBUTARY_TEST_KAFKA,
// TRIBUTARY_TEST_MONGODB or TRIBUTARY_TEST_POSTGRESQL names; else the first call of a process has
// tests/services start it, unless it runs already, which may take a minute when it has to be
// fetched first. Any thread. Throws std::runtime_error when there is none; tests/services has said
// why on standard error.

// host:port
std::string kafka_address();

// mongodb://host:port, without a database: add "/" and a name.
std::string mongodb_address();

// postgresql://user:password@host:port/postgres, of a user who may make databases.
std::string postgresql_address();

// The port of one of these addresses.
std::uint16_t port_of(std::string_view address);

}  // namespace tributary
