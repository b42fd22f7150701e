// jemalloc instead of glibc's malloc: events are made by one thread and freed by another, a
// thousand small blocks each time, which takes glibc half of the persister's CPU; and what a flood
// took is given back.

// Read by jemalloc when it starts; its manual (jemalloc.net) calls it so.
// NOLINTNEXTLINE(readability-identifier-naming,cppcoreguidelines-avoid-non-const-global-variables)
extern "C" const char* malloc_conf;
// NOLINTNEXTLINE(readability-identifier-naming,cppcoreguidelines-avoid-non-const-global-variables)
const char* malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0,tcache_max:4096";
