/* A loop that must unroll in full: the accumulators live in registers only if their indices are constants.
   UNROLL_ANY: one that may have nothing to do in some instance. clang unrolls it unasked, and warns where it was
   asked to and nothing is left to unroll. */
#ifndef UNROLL
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_ANY
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_ANY UNROLL
#endif
#endif
