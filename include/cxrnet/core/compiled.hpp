#pragma once

/// What stands before a definition in an .inl file: `inline`, or nothing where cxrnet::compiled compiles it once for a whole
/// program and its units see declarations alone (cmake/compiled.cmake).
#ifdef CXRNET_COMPILED
#define CXRNET_INLINE
#else
#define CXRNET_INLINE inline
#endif
