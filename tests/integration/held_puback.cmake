tributary_test(test_held_puback LABEL integration TIMEOUT 120
               SOURCES ${CMAKE_CURRENT_LIST_DIR}/held_puback_test.cpp
               DEPENDS tributary::ingest tributary_mosquitto_support tributary_tcp_proxy tributary_held_file_system)
