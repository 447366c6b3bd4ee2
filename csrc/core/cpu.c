#include "core/cpu.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
int zb_isa_supported(int isa)
{
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    switch (isa) {
    case ZB_PORTABLE:
        return 1;
    case ZB_AVX2:
        return avx2;
    case ZB_AVX512:
        return avx512;
    case ZB_AVX512_VNNI:
        return avx512 && __builtin_cpu_supports("avx512vnni");
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
    switch (isa) {
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
