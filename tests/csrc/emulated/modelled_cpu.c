/* This CPU with the modelled instruction sets added. */
#define zb_isa_supported real_isa_supported
#include "core/cpu.c"
#undef zb_isa_supported

int zb_isa_supported(int isa)
{
    return real_isa_supported(isa == ZB_AVX512_BF16 || isa == ZB_AMX ? ZB_AVX512_VNNI : isa);
}
