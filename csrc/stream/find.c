#include <stddef.h>

#include "core/cpu.h"
#include "stream/kernel.h"

const zb_stream_kernel *zb_stream_kernel_find(int isa)
{
    switch (zb_isa_supported(isa) ? isa : -1) {
    case ZB_PORTABLE:
    case ZB_NEON: /* its vectors are NEON's on 64-bit ARM */
        return zb_stream_kernel_portable();
    case ZB_NEON_DOTPROD:
        return zb_stream_kernel_neon_dotprod();
    case ZB_NEON_I8MM:
    case ZB_NEON_BF16: /* no probe of its own for bf16 */
        return zb_stream_kernel_neon_i8mm();
    case ZB_AVX2:
        return zb_stream_kernel_avx2();
    case ZB_AVX512:
        return zb_stream_kernel_avx512();
    case ZB_AVX512_BF16: /* no probes of their own for bf16 and tiles */
    case ZB_AMX:
    case ZB_AVX512_VNNI: /* a compiler may lack it; the kernels of csrc/gemm fall back alike */
        return zb_stream_kernel_avx512_vnni() ? zb_stream_kernel_avx512_vnni() : zb_stream_kernel_avx512();
    default:
        return NULL;
    }
}
