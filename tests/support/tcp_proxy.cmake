# A TCP proxy that records, cuts, stalls and answers, for tests on the wire.
add_library(tributary_tcp_proxy STATIC ${CMAKE_CURRENT_LIST_DIR}/tcp_proxy.cpp)
target_link_libraries(tributary_tcp_proxy PUBLIC tributary_build)
