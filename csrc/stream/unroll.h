/* A loop over chains that must unroll in full: they live in registers only if their indices are constants. */
#ifndef ZB_STREAM_UNROLL_H
#define ZB_STREAM_UNROLL_H

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
