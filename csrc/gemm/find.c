#include <stddef.h>

#include "gemm/kernel.h"

typedef struct {
    int isa, base; /* what it builds on, and has kernels for where it has none of its own; -1: nothing */
    const zb_gemm_kernel *(*find)(int dtype);
} family;

static const family FAMILIES[] = {
    {ZB_PORTABLE, -1, zb_gemm_kernel_portable},
    {ZB_AVX2, -1, zb_gemm_kernel_avx2},
    {ZB_AVX512, -1, zb_gemm_kernel_avx512},
    {ZB_AVX512_VNNI, ZB_AVX512, zb_gemm_kernel_avx512_vnni},
    {ZB_AVX512_BF16, ZB_AVX512_VNNI, zb_gemm_kernel_avx512_bf16},
    {ZB_AMX, ZB_AVX512_BF16, zb_gemm_kernel_amx},
    {ZB_NEON, -1, zb_gemm_kernel_neon},
    {ZB_NEON_DOTPROD, ZB_NEON, zb_gemm_kernel_neon_dotprod},
    {ZB_NEON_I8MM, ZB_NEON_DOTPROD, zb_gemm_kernel_neon_i8mm},
    {ZB_NEON_BF16, ZB_NEON_I8MM, zb_gemm_kernel_neon_bf16},
};

const zb_gemm_kernel *zb_gemm_kernel_find(int isa, int dtype, int *from)
{
    if (!zb_isa_supported(isa))
        return NULL;
    for (size_t i = sizeof FAMILIES / sizeof *FAMILIES; i-- > 0;) {
        if (FAMILIES[i].isa != isa)
            continue;
        const zb_gemm_kernel *kernel = FAMILIES[i].find(dtype);
        *from = isa;
        if (kernel)
            return kernel;
        isa = FAMILIES[i].base; /* stands before it */
    }
    return NULL;
}
