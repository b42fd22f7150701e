tributary_test(test_mqtt_client LABEL integration TIMEOUT 120
               SOURCES ${CMAKE_CURRENT_LIST_DIR}/mqtt_client_test.cpp
                       ${CMAKE_CURRENT_LIST_DIR}/mqtt_client_connect_test.cpp
                       ${CMAKE_CURRENT_LIST_DIR}/mqtt_client_tls_test.cpp
               DEPENDS tributary::mqtt tributary_mosquitto_support tributary_tcp_proxy)
