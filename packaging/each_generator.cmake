# Read by CPack for each kind of package.
if(CPACK_GENERATOR STREQUAL DEB)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_COMPONENTS_ALL ${CPACK_TRIBUTARY_DEBIAN_COMPONENTS})
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  # Each component's description begins with a summary of its own.
  unset(CPACK_PACKAGE_DESCRIPTION_SUMMARY)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  if(CPACK_TRIBUTARY_CROSS)
    # dpkg-shlibdeps knows this machine's packages, not the sysroot's.
    set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF)
    foreach(component IN LISTS CPACK_COMPONENTS_ALL)
      string(TOUPPER ${component} component)
      execute_process(COMMAND ${CPACK_TRIBUTARY_LIBRARIES} depends ${CPACK_TRIBUTARY_PROGRAM_${component}}
                      OUTPUT_VARIABLE depends OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
      set(CPACK_DEBIAN_${component}_PACKAGE_DEPENDS "${CPACK_DEBIAN_PACKAGE_DEPENDS}, ${depends}")
    endforeach()
  endif()
else()
  set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
  set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
  set(CPACK_COMPONENTS_ALL portable)
  set(CPACK_PACKAGE_FILE_NAME ${CPACK_ARCHIVE_PORTABLE_FILE_NAME}) # and the folder in it
endif()
