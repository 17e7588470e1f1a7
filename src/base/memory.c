/* Heap memory, through the allocator that the program chose.
 *
 * The choice is made once: `phase` goes from OPEN to IN_USE with the first allocation, and
 * `chosen` is written only in CHANGING, which one thread holds at a time.  So memory never comes
 * from one allocator and goes back to another, and `chosen` is read without a lock.
 *
 * IN_USE becomes WATCHED for as long as a thread has a watch: every thread then takes the slow
 * path, which looks whether the watch is its own. */
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <yibu/alloc.h>

#include "base/assert.h"

enum { OPEN, CHANGING, IN_USE, WATCHED };

static void *libc_allocate(size_t size, void *arg)
{
    (void)arg;
    return malloc(size);
}

static void *libc_reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    return realloc(memory, size);
}

static void libc_release(void *memory, void *arg)
{
    (void)arg;
    free(memory);
}

static const yibu_allocator libc_allocator = {libc_allocate, libc_reallocate, libc_release, NULL};
static yibu_allocator chosen = {libc_allocate, libc_reallocate, libc_release, NULL};
static atomic_int phase = OPEN;

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watches; /* under the lock; phase is WATCHED while there are any */

typedef struct watch {
    bool (*fails)(void *arg); /* NULL: none */
    void *arg;
} watch;

static _Thread_local watch here;

int yibu_set_allocator(const yibu_allocator *allocator)
{
    if (!allocator)
        allocator = &libc_allocator;
    if (!allocator->allocate || !allocator->reallocate || !allocator->release)
        return -EINVAL;
    int expected = OPEN;
    if (!atomic_compare_exchange_strong(&phase, &expected, CHANGING))
        return -EBUSY;
    chosen = *allocator;
    atomic_store_explicit(&phase, OPEN, memory_order_release); /* pairs with settle */
    return 0;
}

/* Closes the choice, waiting for a change that is being made. */
static void settle(void)
{
    int expected = OPEN;
    while (!atomic_compare_exchange_strong(&phase, &expected, IN_USE) && expected != IN_USE &&
           expected != WATCHED) {
        expected = OPEN;
        sched_yield();
    }
}

/* Whether the allocation may go on. */
static __attribute__((cold, noinline)) bool settle_or_fail(void)
{
    settle();
    return !here.fails || !here.fails(here.arg);
}

static inline bool use(void)
{
    return YB_LIKELY(atomic_load_explicit(&phase, memory_order_acquire) == IN_USE) ||
           settle_or_fail();
}

static void count_watches(int change)
{
    settle();
    pthread_mutex_lock(&watch_lock);
    watches += (unsigned)change;
    atomic_store(&phase, watches > 0 ? WATCHED : IN_USE);
    pthread_mutex_unlock(&watch_lock);
}

void yb_memory_watch(bool (*fails)(void *arg), void *arg)
{
    int change = (fails != NULL) - (here.fails != NULL);
    here = (watch){fails, arg};
    if (change)
        count_watches(change);
}

void *yb_malloc(size_t size)
{
    if (!use())
        return NULL;
    return chosen.allocate(size, chosen.arg);
}

void *yb_calloc(size_t count, size_t size)
{
    if (!use())
        return NULL;
    if (chosen.allocate == libc_allocate)
        return calloc(count, size); /* knows which memory is zero already */
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = chosen.allocate(bytes, chosen.arg);
    return memory ? memset(memory, 0, bytes) : NULL;
}

void *yb_realloc(void *memory, size_t size)
{
    if (!use())
        return NULL;
    return chosen.reallocate(memory, size, chosen.arg);
}

void yb_free(void *memory)
{
    if (memory)
        chosen.release(memory, chosen.arg);
}

char *yb_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = yb_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}
