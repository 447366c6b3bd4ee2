/* Vectors of float and double under one set of names, for templates that are compiled once per
   instruction set: the flags of the including file choose.

   For f32 and f64: the type _vec, F32_LANES, _zero, _set1, _load, _store (any alignment), _stream
   (past the caches; aligned to the vector; store_fence() orders it), _store_first (the first `count` lanes), _add, _mul,
   _fma (a * b + c; rounds twice where there is no FMA), _transpose (LANES vectors in place). */
#ifndef ZB_CORE_SIMD_H
#define ZB_CORE_SIMD_H

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "core/simd_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "core/simd_avx2.h"
#else
#include "core/simd_portable.h"
#endif

#endif
