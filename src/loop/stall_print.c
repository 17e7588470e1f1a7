/* The default handler of stalls: prints them, but not without end where a program stalls all the
 * time.
 *
 * Twenty texts may come at once; after these one a second, the others are counted.  One word keeps
 * the account, so that any thread may print. */
#include <yibu/stall.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "platform/backend.h"

enum { AT_ONCE = 20, EACH_NS = 1000000000 };

static _Atomic(int64_t) paid_until_ns; /* each text pays for a second from here or now on */
static _Atomic(uint32_t) left_out;

static bool may_print(void)
{
    int64_t now_ns = yb_clock_now(NULL), next_ns;
    int64_t until_ns = atomic_load(&paid_until_ns);
    do {
        next_ns = (until_ns > now_ns ? until_ns : now_ns) + EACH_NS;
        if (next_ns - now_ns > (int64_t)AT_ONCE * EACH_NS)
            return false;
    } while (!atomic_compare_exchange_weak(&paid_until_ns, &until_ns, next_ns));
    return true;
}

/* One system call, past the C library's stream, whose lock may be what the loop's thread holds. */
static void print(const char *before, const char *text)
{
    struct iovec parts[] = {
        {(void *)(uintptr_t)before, strlen(before)},
        {(void *)(uintptr_t)text, strlen(text)},
        {(void *)(uintptr_t) "\n", 1},
    };
    ssize_t n = writev(STDERR_FILENO, parts, 3);
    (void)n;
}

void yibu_loop_default_stall_handler(const yibu_stall *stall, void *arg)
{
    char before[64] = "yibu: ";
    (void)arg;
    if (stall->told)
        return;
    if (!may_print()) {
        atomic_fetch_add(&left_out, 1);
        return;
    }
    uint32_t count = atomic_exchange(&left_out, 0);
    if (count > 0)
        snprintf(before, sizeof(before), "yibu: (%" PRIu32 " reports of stalls left out) ", count);
    print(before, stall->text);
}
