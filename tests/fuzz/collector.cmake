# Its HTTP and MQTT doors. direct_http_server.cpp stands in for files of shared/http: what a program defines itself is not
# taken out of a library.
if(TRIBUTARY_FUZZ)
  add_library(tributary_fuzz_pipelines STATIC ${CMAKE_CURRENT_LIST_DIR}/pipelines.cpp)
  target_link_libraries(tributary_fuzz_pipelines
    PUBLIC tributary::stream tributary::store tributary_memory_file_system)
endif()

tributary_fuzz_target(http "whatever is asked of the collector, it answers as documented"
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/http_fuzz.cpp ${CMAKE_CURRENT_LIST_DIR}/direct_http_server.cpp
  DEPENDS tributary::api tributary::ingest tributary_fuzz_pipelines)
tributary_fuzz_target(mqtt "whatever an MQTT message holds, each of its records is accepted or rejected"
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/mqtt_fuzz.cpp ${CMAKE_CURRENT_LIST_DIR}/scripted_broker.cpp
  DEPENDS tributary::ingest tributary_fuzz_pipelines)
