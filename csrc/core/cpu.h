/* What this CPU is: instruction sets, caches, how many CPUs this process may use. */
#ifndef ZB_CORE_CPU_H
#define ZB_CORE_CPU_H

#include <stdint.h>

/* public */
enum {
    ZB_PORTABLE = 0,
    ZB_AVX2 = 1,
    ZB_AVX512 = 2,
    ZB_AVX512_VNNI = 3,
    ZB_AVX512_BF16 = 4,
    ZB_AMX = 5,
    ZB_NEON_DOTPROD = 6,
    ZB_NEON_I8MM = 7,
    ZB_NEON_BF16 = 8,
    ZB_NEON = 9
};

/* Data cache sizes in bytes as the system tells them, clamped to what blocking can believe. */
typedef struct {
    int64_t l1;
    int64_t l2;
    int64_t l3;
} zb_caches;

/* Whether the CPU has it, the operating system saves its registers and this build holds its
   kernels. AVX2 means AVX2, FMA and F16C, AVX512 means F, BW, DQ and VL beside them. Each of NEON,
   NEON_DOTPROD, NEON_I8MM and NEON_BF16 means those before it too. */
int zb_isa_supported(int isa);
zb_caches zb_cpu_caches(void);
/* CPUs in this thread's affinity mask, at least 1. */
int zb_usable_cpus(void);
/* end */

#endif
