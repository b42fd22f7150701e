#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/store/postgresql_connection.h"
#include "shared/event/schema.h"

namespace tributary::collector {

// How the events of one schema lie in a table of PostgreSQL.
//
// A row for each event:
//
//     a column for each top-level member that the schema declares, with its name:
//         string → text COLLATE "C"    integer → bigint      number → double precision
//         boolean → boolean            UUID → uuid           nested → jsonb
//         time → timestamptz (to the microsecond, rounded down); NULL: not in the event
//     "<time>_ns"          integer: the nanoseconds of the event's time below the microsecond, 0 to
//                          999; more in a leap second, which lies behind the last microsecond of
//                          the second before it. Only the schema's own time has it
//     _tributary_extra     jsonb: an object of the members that the schema doesn't declare, and of
//                          those that their column can't give back as they were: null, a number
//                          that a double doesn't hold, another time to the nanosecond. NULL: there
//                          are none. What stands here is what the event said
//     _tributary_hash      bytea, 16 bytes; NULL in rows of other programs
//     _tributary           jsonb: received_at, source, schema, edge, log, sequence, replayed, where
//     known
//
// so that SELECT * shows what was posted. The key's columns are NOT NULL. A table that exists may
// have more columns, if they may be NULL or have a default, and may have integer or smallint for
// bigint, real or numeric for double precision, varchar or char for text, json for jsonb: what
// doesn't fit is refused by the server, row by row.
//
// Indexes; where the key has the time, it stands there with its nanoseconds:
//
//     <table>_tributary_key     the key; unique (any unique index or primary key on just these
//                               columns serves)
//     <table>_tributary_time    the time, then the rest of the key: the order of queries
//     <table>_tributary_series  the series, the time, then the rest of the key
//
// Two with the same columns are one. The same as SQL, for those who want to make the tables
// themselves: collector/store/schema/*.sql, which a test compares with sql().
//
// Immutable; any thread may read it.
