#include "core/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* The build defines ZB_WITHOUT_... where the compiler does not know an instruction set. */
enum {
    UNBUILT = 0
#ifdef ZB_WITHOUT_AVX512_BF16
              | 1 << ZB_AVX512_BF16
#endif
#ifdef ZB_WITHOUT_AMX
              | 1 << ZB_AMX
#endif
#ifdef ZB_WITHOUT_NEON_DOTPROD
              | 1 << ZB_NEON_DOTPROD
#endif
#ifdef ZB_WITHOUT_NEON_I8MM
              | 1 << ZB_NEON_I8MM
#endif
#ifdef ZB_WITHOUT_NEON_BF16
              | 1 << ZB_NEON_BF16
#endif
};

static inline int unbuilt(int isa)
{
    return isa >= 0 && isa < 31 && UNBUILT >> isa & 1;
}

#if defined(__x86_64__)
/* AMX needs the operating system twice: to save its registers (XCR0 bits 17 and 18), and to allow this process to use
   them, which Linux 5.16 does on request, for all threads at once (its Documentation/arch/x86/xstate.rst). */
static int amx_allowed(void)
{
    enum { TILES = 3 << 17, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & TILES) == TILES && syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

int zb_isa_supported(int isa)
{
    /* CPUID leaves 1 and 7: some compilers' __builtin_cpu_supports does not know these. */
    enum { F16C = 1 << 29, BF16 = 1 << 5, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25 };
    enum { AMX = AMX_BF16 | AMX_TILE | AMX_INT8 };
    uint32_t leaves = 0, bits = 0, unused;
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __get_cpuid(1, &unused, &unused, &bits, &unused) && bits & F16C;
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    int vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    int bf16 = vnni && __get_cpuid_count(7, 0, &leaves, &unused, &unused, &unused) && leaves >= 1 &&
               __get_cpuid_count(7, 1, &bits, &unused, &unused, &unused) && bits & BF16;
    switch (unbuilt(isa) ? -1 : isa) {
    case ZB_PORTABLE:
        return 1;
    case ZB_AVX2:
        return avx2;
    case ZB_AVX512:
        return avx512;
    case ZB_AVX512_VNNI:
        return vnni;
    case ZB_AVX512_BF16:
        return bf16;
    case ZB_AMX:
        return bf16 && __get_cpuid_count(7, 0, &unused, &unused, &unused, &bits) && (bits & AMX) == AMX && amx_allowed();
    default:
        return 0;
    }
}
#elif defined(__aarch64__)
int zb_isa_supported(int isa)
{
    /* Linux' bits for 64-bit ARM, which older headers lack. */
    enum { DOTPROD = 1 << 20, I8MM = 1 << 13, BF16 = 1 << 14 };
    unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
    int dotprod = (first & DOTPROD) != 0, i8mm = dotprod && second & I8MM;
    switch (unbuilt(isa) ? -1 : isa) {
    case ZB_PORTABLE:
    case ZB_NEON: /* part of every 64-bit ARM that runs Linux */
        return 1;
    case ZB_NEON_DOTPROD:
        return dotprod;
    case ZB_NEON_I8MM:
        return i8mm;
    case ZB_NEON_BF16:
        return i8mm && second & BF16;
    default:
        return 0;
    }
}
#else
int zb_isa_supported(int isa)
{
    return isa == ZB_PORTABLE;
}
#endif

enum { CACHE_INDICES = 8 };

static int read_line(const char *file_name, int index, char *line, int size)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file_name);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    int got = fgets(line, size, file) != NULL;
    fclose(file);
    return got;
}

/* The data or unified cache of a level in bytes, 0 where sysfs does not tell. */
static int64_t sysfs_cache(int level)
{
    for (int index = 0; index < CACHE_INDICES; index++) {
        char line[32];
        int found;
        if (!read_line("level", index, line, sizeof line) || sscanf(line, "%d", &found) != 1 || found != level)
            continue;
        if (!read_line("type", index, line, sizeof line) || !strncmp(line, "Instruction", 11))
            continue;
        long long size;
        char unit = 0;
        if (read_line("size", index, line, sizeof line) && sscanf(line, "%lld%c", &size, &unit) >= 1)
            return size << (unit == 'M' ? 20 : unit == 'K' ? 10 : 0);
    }
    return 0;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high, int64_t unknown)
{
    if (value <= 0)
        return unknown;
    return value < low ? low : value > high ? high : value;
}

static const int64_t KIB = 1 << 10, MIB = 1 << 20;

zb_caches zb_cpu_caches(void)
{
    /* A virtual machine may report nothing or a whole host's cache: hence limits on both sides. */
    return (zb_caches){
        .l1 = clamp(sysfs_cache(1), 16 * KIB, 256 * KIB, 32 * KIB),
        .l2 = clamp(sysfs_cache(2), 128 * KIB, 4 * MIB, 512 * KIB),
        .l3 = clamp(sysfs_cache(3), 2 * MIB, 64 * MIB, 8 * MIB),
    };
}

int zb_usable_cpus(void)
{
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0)
        return CPU_COUNT(&mask);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}
