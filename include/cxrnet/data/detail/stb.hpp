#pragma once
// stb_image, PNG and JPEG from memory only, under names of our own: a program may have an stb_image of its own, with
// other options. What stb includes comes first, so that nothing else is declared within the namespace.
#include <climits>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cxrnet::detail::stb {

/// The largest block stb may ask for on this thread: bounds what a small file can inflate to.
inline thread_local std::size_t allocation_limit = std::size_t{1} << 20;

inline void* allocate(std::size_t size) { return size <= allocation_limit ? std::malloc(size) : nullptr; }
inline void* reallocate(void* block, std::size_t size) {
  return size <= allocation_limit ? std::realloc(block, size) : nullptr;
}

}  // namespace cxrnet::detail::stb

// Whatever the program has set for its own stb_image is put aside, and put back below.
#pragma push_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma push_macro("STB_IMAGE_IMPLEMENTATION")
#pragma push_macro("STB_IMAGE_STATIC")
#pragma push_macro("STBIDEF")
#pragma push_macro("STBI_ASSERT")
#pragma push_macro("STBI_MALLOC")
#pragma push_macro("STBI_REALLOC")
#pragma push_macro("STBI_REALLOC_SIZED")
#pragma push_macro("STBI_FREE")
#pragma push_macro("STBI_MAX_DIMENSIONS")
#pragma push_macro("STBI_ONLY_JPEG")
#pragma push_macro("STBI_ONLY_PNG")
#pragma push_macro("STBI_NO_JPEG")
#pragma push_macro("STBI_NO_PNG")
#pragma push_macro("STBI_NO_BMP")
#pragma push_macro("STBI_NO_PSD")
#pragma push_macro("STBI_NO_TGA")
#pragma push_macro("STBI_NO_GIF")
#pragma push_macro("STBI_NO_HDR")
#pragma push_macro("STBI_NO_PIC")
#pragma push_macro("STBI_NO_PNM")
#pragma push_macro("STBI_NO_LINEAR")
#pragma push_macro("STBI_NO_STDIO")
#pragma push_macro("STBI_NO_SIMD")
#pragma push_macro("STBI_NO_ZLIB")
#pragma push_macro("stbi__err")
#pragma push_macro("stbi__errpuc")
#pragma push_macro("stbi__vertically_flip_on_load")
#pragma push_macro("stbi__unpremultiply_on_load")
#pragma push_macro("stbi__de_iphone_flag")
#pragma push_macro("stbi_load_from_memory")
#pragma push_macro("stbi_failure_reason")
#pragma push_macro("stbi_zlib_decode_malloc_guesssize_headerflag")
#undef STBI_INCLUDE_STB_IMAGE_H
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STBIDEF
#undef STBI_ASSERT
#undef STBI_MALLOC
#undef STBI_REALLOC
#undef STBI_REALLOC_SIZED
#undef STBI_FREE
#undef STBI_MAX_DIMENSIONS
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#undef STBI_NO_JPEG
#undef STBI_NO_PNG
#undef STBI_NO_LINEAR
#undef STBI_NO_STDIO
#undef STBI_NO_ZLIB
#undef stbi__err
#undef stbi__errpuc
#undef stbi__vertically_flip_on_load
#undef stbi__unpremultiply_on_load
#undef stbi__de_iphone_flag
#undef stbi_load_from_memory
#undef stbi_failure_reason
#undef stbi_zlib_decode_malloc_guesssize_headerflag
#define STB_IMAGE_IMPLEMENTATION
// Internal linkage, since stb's own helpers have it: every unit that decodes has its copy, and none meets another. What is
// extern "C" has its own name in whatever namespace, though, and the assembler would meet it twice in a unit that has the
// program's stb_image too: inline functions that nothing calls are left out, and those that are called have other names.
#define STB_IMAGE_STATIC
#define STBIDEF static inline
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STBI_MALLOC(size) ::cxrnet::detail::stb::allocate(size)
#define STBI_REALLOC(block, size) ::cxrnet::detail::stb::reallocate(block, size)
#define STBI_FREE(block) std::free(block)
#define STBI_MAX_DIMENSIONS 16384
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define stbi_load_from_memory cxrnet_stbi_load_from_memory
#define stbi_failure_reason cxrnet_stbi_failure_reason
#define stbi_zlib_decode_malloc_guesssize_headerflag cxrnet_stbi_zlib_decode_malloc_guesssize_headerflag
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-parameter"
namespace cxrnet::detail::stb {
#include <stb_image.h>
}  // namespace cxrnet::detail::stb
#pragma GCC diagnostic pop
#undef STBIDEF
#pragma pop_macro("stbi_zlib_decode_malloc_guesssize_headerflag")
#pragma pop_macro("stbi_failure_reason")
#pragma pop_macro("stbi_load_from_memory")
#pragma pop_macro("stbi__de_iphone_flag")
#pragma pop_macro("stbi__unpremultiply_on_load")
#pragma pop_macro("stbi__vertically_flip_on_load")
#pragma pop_macro("stbi__errpuc")
#pragma pop_macro("stbi__err")
#pragma pop_macro("STBI_NO_ZLIB")
#pragma pop_macro("STBI_NO_SIMD")
#pragma pop_macro("STBI_NO_STDIO")
#pragma pop_macro("STBI_NO_LINEAR")
#pragma pop_macro("STBI_NO_PNM")
#pragma pop_macro("STBI_NO_PIC")
#pragma pop_macro("STBI_NO_HDR")
#pragma pop_macro("STBI_NO_GIF")
#pragma pop_macro("STBI_NO_TGA")
#pragma pop_macro("STBI_NO_PSD")
#pragma pop_macro("STBI_NO_BMP")
#pragma pop_macro("STBI_NO_PNG")
#pragma pop_macro("STBI_NO_JPEG")
#pragma pop_macro("STBI_ONLY_PNG")
#pragma pop_macro("STBI_ONLY_JPEG")
#pragma pop_macro("STBI_MAX_DIMENSIONS")
#pragma pop_macro("STBI_FREE")
#pragma pop_macro("STBI_REALLOC_SIZED")
#pragma pop_macro("STBI_REALLOC")
#pragma pop_macro("STBI_MALLOC")
#pragma pop_macro("STBI_ASSERT")
#pragma pop_macro("STBIDEF")
#pragma pop_macro("STB_IMAGE_STATIC")
#pragma pop_macro("STB_IMAGE_IMPLEMENTATION")
#pragma pop_macro("STBI_INCLUDE_STB_IMAGE_H")
