# The consumer of this folder is a project of its own; these tests build it both ways.
foreach(way package subdirectory)
  add_test(NAME install.${way} COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/check.sh
           ${way} ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${CMAKE_CXX_COMPILER})
  set_tests_properties(install.${way} PROPERTIES LABELS install PROCESSORS 2)
endforeach()
