/* For LD_PRELOAD: the library's own calls for memory fail where they are told to. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* Calls until the one that fails; negative: none does. Of one thread: those that a pool starts do not fail. */
static _Thread_local int left = -1;

void fail_at(int call);
void fail_at(int call)
{
    left = call;
}

static int fails(const void *caller)
{
    Dl_info from;
    if (left < 0 || !dladdr(caller, &from) || !strstr(from.dli_fname, "_zbench"))
        return 0;
    return left-- == 0;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}
