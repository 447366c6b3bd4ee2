#include "coll/reduce.h"

#include <stdbool.h>
#include <stddef.h>

#include "coll/kernel.h"
#include "core/cpu.h"
#include "core/status.h"

int zb_coll_isa(int isa)
{
    switch (zb_isa_supported(isa) ? isa : -1) {
    case ZB_AVX512_VNNI: /* those that follow multiply only, and bf16's flush subnormals */
    case ZB_AVX512_BF16:
    case ZB_AMX:
        return ZB_AVX512;
    case ZB_NEON_DOTPROD:
    case ZB_NEON_I8MM:
    case ZB_NEON_BF16:
        return ZB_NEON;
    case -1:
        return -1;
    default:
        return isa;
    }
}

static const zb_coll_kernel *find(int isa)
{
    switch (zb_coll_isa(isa)) {
    case ZB_PORTABLE:
        return zb_coll_kernel_portable();
    case ZB_AVX2:
        return zb_coll_kernel_avx2();
    case ZB_AVX512:
        return zb_coll_kernel_avx512();
    case ZB_NEON:
        return zb_coll_kernel_neon();
    default:
        return NULL;
    }
}

zb_coll_combine *zb_coll_combiner(int isa, int dtype, int redop)
{
    const zb_coll_kernel *kernel = find(isa);
    if (!kernel || dtype < 0 || dtype >= ZB_DTYPES || redop < 0 || redop >= ZB_REDOPS)
        return NULL;
    return kernel->combine[dtype][redop];
}

zb_coll_divide *zb_coll_divider(int isa, int dtype)
{
    const zb_coll_kernel *kernel = find(isa);
    return kernel && dtype >= 0 && dtype < ZB_DTYPES ? kernel->divide[dtype] : NULL;
}

static int check(int isa, bool known, int dtype, int64_t bytes)
{
    if (zb_coll_isa(isa) < 0)
        return ZB_EISA;
    return known && bytes >= 0 && bytes % zb_dtype_bytes(dtype) == 0 ? ZB_OK : ZB_EINVAL;
}

int zb_coll_reduce(int isa, int dtype, int redop, void *dst, const void *a, const void *b, int64_t bytes)
{
    zb_coll_combine *combine = zb_coll_combiner(isa, dtype, redop);
    int status = check(isa, combine != NULL, dtype, bytes);
    if (status == ZB_OK)
        combine(dst, a, b, bytes);
    return status;
}

int zb_coll_scale(int isa, int dtype, void *dst, const void *src, int64_t bytes, int64_t ranks)
{
    zb_coll_divide *divide = zb_coll_divider(isa, dtype);
    int status = check(isa, divide != NULL && ranks >= 1, dtype, bytes);
    if (status == ZB_OK)
        divide(dst, src, bytes, ranks);
    return status;
}
