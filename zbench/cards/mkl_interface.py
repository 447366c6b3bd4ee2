"""The part of MKL's C interface that its card uses, as mkl.h and mkl_cblas.h declare it."""

from __future__ import annotations

import re

INTEL_THREADS = 0
"""MKL_THREADING_INTEL: the one layer besides the sequential whose runtime the wheel brings."""
ROW_MAJOR = 101
TRANSPOSE = {"n": 111, "t": 112}
PACKED = 151
B_MATRIX = 162
FIX_OFFSET = 173
"""CBLAS_LAYOUT, CBLAS_TRANSPOSE, CBLAS_STORAGE, CBLAS_IDENTIFIER, CBLAS_OFFSET of mkl_cblas.h."""

ROUTINES = {
    "fp64": "dgemm",
    "fp32": "sgemm",
    "bf16": "gemm_bf16bf16f32",
    "fp16": "gemm_f16f16f32",
    "fp8e4m3": "gemm_e4m3e4m3f32",
    "fp8e5m2": "gemm_e5m2e5m2f32",
    "u8s8": "gemm_s8u8s32",
}
"""dtype -> the stem of its routines. The last is named for column-major order; row-major, A is unsigned."""
BLAS = ("fp64", "fp32")
"""dtypes of the BLAS standard. The others have no strided batches, and scale in `compute`, not in `pack`."""

SERVICE = """
typedef struct {
    int MajorVersion, MinorVersion, UpdateVersion;
    char *ProductStatus, *Build, *Processor, *Platform;
} MKLVersion;
void MKL_Get_Version(MKLVersion *version);
void MKL_Get_Version_String(char *text, int length);
int MKL_Set_Threading_Layer(int layer);
void MKL_Set_Dynamic(int flag);
void MKL_Set_Num_Threads(int threads);
void omp_set_num_threads(int threads);
"""
SIZE = "size_t cblas_{name}_pack_get_size_64(int identifier, int64_t m, int64_t n, int64_t k);"
REAL = (
    SIZE
    + """
void cblas_{name}_64(int layout, int transa, int transb, int64_t m, int64_t n, int64_t k,
    {real} alpha, void *a, int64_t lda, void *b, int64_t ldb, {real} beta, void *c, int64_t ldc);
void cblas_{name}_batch_strided_64(int layout, int transa, int transb, int64_t m, int64_t n, int64_t k,
    {real} alpha, void *a, int64_t lda, int64_t stride_a, void *b, int64_t ldb, int64_t stride_b,
    {real} beta, void *c, int64_t ldc, int64_t stride_c, int64_t batch);
void cblas_{name}_pack_64(int layout, int identifier, int trans, int64_t m, int64_t n, int64_t k,
    {real} alpha, void *from, int64_t ld, void *to);
void cblas_{name}_compute_64(int layout, int transa, int transb, int64_t m, int64_t n, int64_t k,
    void *a, int64_t lda, void *b, int64_t ldb, {real} beta, void *c, int64_t ldc);
"""
)
PACK = """
void cblas_{name}_pack_64(int layout, int identifier, int trans, int64_t m, int64_t n, int64_t k,
    void *from, int64_t ld, void *to);
"""
NARROW = (
    SIZE
    + PACK
    + """
void cblas_{name}_64(int layout, int transa, int transb, int64_t m, int64_t n, int64_t k,
    float alpha, void *a, int64_t lda, void *b, int64_t ldb, float beta, void *c, int64_t ldc);
void cblas_{name}_compute_64(int layout, int transa, int transb, int64_t m, int64_t n, int64_t k,
    float alpha, void *a, int64_t lda, void *b, int64_t ldb, float beta, void *c, int64_t ldc);
"""
)
INTEGER = (
    SIZE
    + PACK
    + """
void cblas_{name}_64(int layout, int transa, int transb, int offset, int64_t m, int64_t n, int64_t k,
    float alpha, void *a, int64_t lda, int8_t oa, void *b, int64_t ldb, int8_t ob,
    float beta, void *c, int64_t ldc, int32_t *oc);
void cblas_{name}_compute_64(int layout, int transa, int transb, int offset, int64_t m, int64_t n, int64_t k,
    float alpha, void *a, int64_t lda, int8_t oa, void *b, int64_t ldb, int8_t ob,
    float beta, void *c, int64_t ldc, int32_t *oc);
"""
)


def routine(dtype: str, kind: str = "") -> str:
    """The name, with 64-bit integers, of a dtype's product or of its `pack`, `compute`, ..."""
    return "_".join(("cblas", ROUTINES[dtype], *([kind] if kind else []), "64"))


def declarations() -> str:
    """The part of mkl.h that is used."""
    forms = dict.fromkeys(ROUTINES, NARROW) | dict.fromkeys(BLAS, REAL) | {"u8s8": INTEGER}
    real = {"fp64": "double"}
    return SERVICE + "".join(
        forms[dtype].format(name=name, real=real.get(dtype, "float")) for dtype, name in ROUTINES.items()
    )


def abbreviated(words: str) -> str:
    """`Intel(R) Advanced Vector Extensions 2 (Intel(R) AVX2) enabled processors` -> `AVX2`."""
    plain = re.sub(r" (enabled processors|instructions)$", "", words.replace("Intel(R) ", ""))
    return re.sub(r"[A-Z][\w-]*(?: (?:[A-Z][\w-]*|\d+))* \(([^)]+)\)", r"\1", plain)
