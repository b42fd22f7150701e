#pragma once

#include <string_view>

namespace tributary::collector {

// Whether a SQLSTATE says that the row can't be stored, whatever the state of the server: it comes
// back however often one tries. Everything else may be mended while the collector waits (the server
// is away or full, a right is missing, the table is another one), and so may what isn't known.
//
// Appendix A of PostgreSQL's documentation: the first two characters are the class.
bool is_of_the_row(std::string_view state);

// Whether it says that the server can't do it now, or not for us: none of the rows is to blame.
// Neither this nor is_of_the_row(): nobody knows, say what a trigger raised.
bool is_of_the_server(std::string_view state);

// The server ended a statement for its time limit, or because somebody asked for it.
bool is_cancelled(std::string_view state);

// There is no such table.
bool is_missing_table(std::string_view state);

// The table, or something else that was found when the connection was made, is no longer so.
bool is_of_the_table(std::string_view state);

}  // namespace tributary::collector
