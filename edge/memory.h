#pragma once

namespace tributary::edge {

// Gateways have little memory. Call it first: one heap for all threads, whose free parts go back to
// the system.
void keep_heap_small();

// Gives back the pages of program and libraries that only the start needed (relocation, command
// line, configuration). What is needed again comes from the page cache by itself.
void give_back_start_up_pages();

}  // namespace tributary::edge
