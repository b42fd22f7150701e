tributary_test(test_collector LABEL unit
  SOURCES persister_test.cpp replay_test.cpp config_test.cpp deployment_environment_test.cpp
          mqtt_session_test.cpp pipeline_mistakes_test.cpp
  DEPENDS tributary::collector tributary_stream_verbs)
