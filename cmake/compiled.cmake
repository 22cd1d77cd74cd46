# cxrnet::compiled: cxrnet::predict of which what does not depend on a network's type, the .inl files below, is compiled once,
# into a library of the project's own with the project's flags, instead of in each unit that needs it. A program links it,
# or headers alone, for all its units alike. Included by the build and, where a project asks for it, by the package.
if(NOT TARGET cxrnet::compiled)
  set(compiled backend/onednn/program io/checkpoint io/keras_archive io/keras_archive_writer io/keras_h5 io/keras_h5_writer
               io/model_file io/model_io io/safetensors)
  find_package(OpenMP QUIET COMPONENTS CXX)
  add_library(cxrnet_compiled STATIC EXCLUDE_FROM_ALL)
  add_library(cxrnet::compiled ALIAS cxrnet_compiled)
  foreach(name IN LISTS compiled)
    string(REPLACE / _ unit ${name})
    file(CONFIGURE OUTPUT compiled/${unit}.cpp CONTENT "#include <cxrnet/${name}.inl>\n")
    target_sources(cxrnet_compiled PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/compiled/${unit}.cpp)
  endforeach()
  target_compile_definitions(cxrnet_compiled PUBLIC CXRNET_COMPILED)
  target_link_libraries(cxrnet_compiled PUBLIC cxrnet::predict $<TARGET_NAME_IF_EXISTS:OpenMP::OpenMP_CXX>)
endif()
