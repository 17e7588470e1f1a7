/* Picks and places guards, the cheapest kind that works first.
 *
 * What works is found out by trying, since it also depends on the process: memory locked by
 * mlockall refuses markers.  Protected guards are counted for the whole process, to leave half of
 * vm.max_map_count to everyone else. */
#include "platform/stack_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "platform/advice.h"

enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL, Linux 6.13 */
enum { MAPPINGS_EACH = 2, FALLBACK_MAX_MAP_COUNT = 65530 };
enum { READ_WRITE = PROT_READ | PROT_WRITE };

static const uint64_t canary = 0x59a5b1c3d7e92b4d;

static _Atomic(yb_guard_kind) best_kind = YB_GUARD_MARKED;
static atomic_size_t budget = SIZE_MAX; /* SIZE_MAX: not known yet */
static atomic_size_t used;

static size_t read_max_map_count(void)
{
    char text[32] = {0};
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FALLBACK_MAX_MAP_COUNT;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strtoul(text, NULL, 10) : FALLBACK_MAX_MAP_COUNT;
}

static bool budget_take(void)
{
    if (atomic_load(&budget) == SIZE_MAX)
        atomic_store(&budget, read_max_map_count() / 2 / MAPPINGS_EACH);
    if (atomic_fetch_add(&used, 1) < atomic_load(&budget))
        return true;
    atomic_fetch_sub(&used, 1);
    return false;
}

void yb_guard_forget(size_t count)
{
    atomic_fetch_sub(&used, count);
}

void yb_guard_limit(yb_guard_kind best, size_t protected_budget)
{
    atomic_store(&best_kind, best);
    atomic_store(&budget, protected_budget);
}

/* Asks the kernel to write there: it answers an error where a task would get a signal. */
static bool is_guarded(char *place)
{
    return uname((struct utsname *)(void *)place) < 0 && errno == EFAULT;
}

/* An emulator may take any advice and do nothing, so a first marker is tried out. */
static bool markers_work(char *reserved, size_t size)
{
    return madvise(reserved, YB_GUARD_BYTES, GUARD_INSTALL) == 0 &&
           mprotect(reserved, size, READ_WRITE) == 0 && is_guarded(reserved);
}

yb_guard_kind yb_guard_choose(char *reserved, size_t size)
{
    yb_guard_kind best = atomic_load(&best_kind);
    if (sysconf(_SC_PAGESIZE) > YB_GUARD_BYTES)
        return YB_GUARD_CANARY; /* a page would be more than the guard */
    if (best != YB_GUARD_MARKED)
        return best;
    return markers_work(reserved, size) ? YB_GUARD_MARKED : YB_GUARD_PROTECTED;
}

/* The stack above its guard, whatever was allowed there before. */
static int protect(char *reserved, size_t size)
{
    if (!budget_take())
        return -ENOMEM;
    if (mprotect(reserved + YB_GUARD_BYTES, size - YB_GUARD_BYTES, READ_WRITE) == 0 &&
        mprotect(reserved, YB_GUARD_BYTES, PROT_NONE) == 0)
        return YB_GUARD_PROTECTED;
    yb_guard_forget(1);
    return -errno;
}

/* Adds no mapping where the stack below is accessible to its end, as all are. */
static int plant_canary(char *reserved, size_t size)
{
    return mprotect(reserved, size, READ_WRITE) < 0 ? -errno : YB_GUARD_CANARY;
}

static int install_one(yb_guard_kind kind, char *reserved, size_t size)
{
    if (kind == YB_GUARD_MARKED && madvise(reserved, YB_GUARD_BYTES, GUARD_INSTALL) == 0)
        return YB_GUARD_MARKED;
    if (kind != YB_GUARD_CANARY && protect(reserved, size) >= 0)
        return YB_GUARD_PROTECTED;
    return plant_canary(reserved, size);
}

unsigned yb_guard_install(yb_guard_kind kind, char *reserved, size_t size, unsigned count,
                          uint8_t *ret_kinds)
{
    unsigned done = 0;
    if (kind == YB_GUARD_MARKED && count > 1)
        done = yb_advise_many(reserved, YB_GUARD_BYTES, size, count, GUARD_INSTALL);
    memset(ret_kinds, YB_GUARD_MARKED, done);
    for (; done < count; done++) {
        int got = install_one(kind, reserved + done * size, size);
        if (got < 0)
            break;
        ret_kinds[done] = (uint8_t)got;
    }
    return done;
}

void yb_guard_set_canary(char *low)
{
    *(uint64_t *)(void *)low = canary;
}

bool yb_guard_canary_intact(const char *low)
{
    return *(const uint64_t *)(const void *)low == canary;
}
