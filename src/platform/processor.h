/* The processors that this process may run on. */
#ifndef YB_PLATFORM_PROCESSOR_H
#define YB_PLATFORM_PROCESSOR_H

#include <sched.h>
#include <unistd.h>

/* What two processors must not write at once keeps this many bytes apart. */
enum { YB_CACHE_LINE = 64 };

/* How many there are for the calling thread: its affinity mask, which containers narrow. */
static inline unsigned yb_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than a cpu_set_t holds */
    return online > 0 ? (unsigned)online : 1;
}

/* Fetches a cache line that is about to be written: with the other processors' copies gone, the
 * write need not ask again.  On x86-64 the compiler's own form is a fetch for reading, unless it
 * may rely on an instruction that older processors take for none at all. */
static inline void yb_processor_fetch_to_write(const void *address)
{
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
    __builtin_prefetch(address, 1);
#endif
}

/* Tells the processor that this is a loop that waits for another one. */
static inline void yb_processor_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
