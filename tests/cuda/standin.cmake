# Writes OUTPUT: every function of the driver's stub library STUB, each answering CUDA_ERROR_STUB_LIBRARY (34), but those with
# which a plan's kernels are looked at, which succeed.
cmake_minimum_required(VERSION 3.24)
execute_process(COMMAND ${NM} -D --defined-only ${STUB} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "cu[A-Z][A-Za-z0-9_]*" names "${symbols}")
list(REMOVE_DUPLICATES names)
set(good cuLibraryLoadData cuLibraryGetKernel cuLibraryUnload cuKernelGetFunction)
set(text "/* Made by standin.cmake: for tests alone. */\n#include <stddef.h>\n#include <string.h>\n")
foreach(name IN LISTS names)
  if(name MATCHES "^cuGetProcAddress")
    continue()
  elseif(name IN_LIST good)
    if(name STREQUAL "cuLibraryUnload")
      string(APPEND text "int ${name}(void* a) { (void)a; return 0; }\n")
    else()
      string(APPEND text "int ${name}(void** a) { static int made; *a = &made; return 0; }\n")
    endif()
  else()
    string(APPEND text "int ${name}(void) { return 34; }\n")
  endif()
endforeach()
string(APPEND text "struct entry { const char* name; void* function; };\nstatic const struct entry entries[] = {\n")
foreach(name IN LISTS names)
  if(NOT name MATCHES "^cuGetProcAddress")
    string(APPEND text "  {\"${name}\", (void*)${name}},\n")
  endif()
endforeach()
string(APPEND text "};\nint cuGetProcAddress_v2(const char* symbol, void** function, int version, unsigned long long flags, int* found) {\n"
  "  (void)version; (void)flags;\n  *function = NULL;\n"
  "  for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); ++i) {\n"
  "    if (strcmp(entries[i].name, symbol) == 0) *function = entries[i].function;\n  }\n"
  "  if (found != NULL) *found = *function == NULL ? 1 : 0;\n  return *function == NULL ? 500 : 0;\n}\n"
  "int cuGetProcAddress(const char* symbol, void** function, int version, unsigned long long flags) {\n"
  "  return cuGetProcAddress_v2(symbol, function, version, flags, NULL);\n}\n")
file(WRITE ${OUTPUT} "${text}")
