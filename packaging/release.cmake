# The preset `release-all`: every package of every processor, built apart from everybody's work, in
# build/release-all/packages, with checksums and a list of what is in them (SBOM).
#
#   cmake --workflow --preset release-all
set(packages ${CMAKE_BINARY_DIR}/packages)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# With the commit's time in the packages, the same commit gives the same bytes.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%ct
                OUTPUT_VARIABLE time OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT time)
  set(time 0)
endif()

set(builds)
set(before)
foreach(preset release aarch64 armv7)
  set(build ${CMAKE_BINARY_DIR}-${preset}) # as deep as build/<preset>, for ccache
  add_custom_target(packages-${preset}
    COMMAND ${CMAKE_COMMAND} --preset ${preset} -B ${build} -DTRIBUTARY_TESTS=OFF -DTRIBUTARY_WERROR=ON
    COMMAND ${CMAKE_COMMAND} --build ${build}
    COMMAND ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=${time} ${CMAKE_CPACK_COMMAND} --config ${build}/CPackConfig.cmake -B ${CMAKE_BINARY_DIR} -D CPACK_OUTPUT_FILE_PREFIX=${packages}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} USES_TERMINAL VERBATIM)
  if(before)
    add_dependencies(packages-${preset} ${before}) # each takes all processors
  endif()
  set(before packages-${preset})
  list(APPEND builds ${build})
endforeach()

add_custom_target(release-all ALL
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/sbom.py --version ${PROJECT_VERSION}
          --output ${packages}/tributary-${PROJECT_VERSION}.cdx.json --packages ${packages} ${builds}
  COMMAND sh -c "sha256sum -- *_${PROJECT_VERSION}_*.deb *-${PROJECT_VERSION}-*.tar.gz *-${PROJECT_VERSION}.cdx.json >SHA256SUMS && cat SHA256SUMS"
  WORKING_DIRECTORY ${packages} VERBATIM)
add_dependencies(release-all ${before})
