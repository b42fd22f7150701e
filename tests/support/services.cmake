# The real Kafka, MongoDB and PostgreSQL that the tests of one run share.
add_library(tributary_test_services STATIC ${CMAKE_CURRENT_LIST_DIR}/services.cpp)
target_compile_definitions(tributary_test_services PRIVATE
  TRIBUTARY_SERVICES="${PROJECT_SOURCE_DIR}/tests/services")
target_link_libraries(tributary_test_services PUBLIC tributary_build)
