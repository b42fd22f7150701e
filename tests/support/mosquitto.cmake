# A real Mosquitto for tests.
add_library(tributary_mosquitto_support STATIC ${CMAKE_CURRENT_LIST_DIR}/mosquitto.cpp)
target_link_libraries(tributary_mosquitto_support PUBLIC tributary_build)
