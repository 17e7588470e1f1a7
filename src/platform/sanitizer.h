/* What AddressSanitizer, ThreadSanitizer and Valgrind want to know about stacks and the switches
 * between them; nothing at all in other builds.
 *
 * AddressSanitizer is told where the running stack lies, or it takes a switch for an overflow, and
 * keeps a "fake stack" for each.  ThreadSanitizer takes each context for a fiber, with an order of
 * events of its own.  Valgrind guesses stack switches from the size of the step unless it knows the
 * stacks. */
#ifndef YB_PLATFORM_SANITIZER_H
#define YB_PLATFORM_SANITIZER_H

#include <pthread.h>
#include <stddef.h>

#if !defined(__has_feature)
#define __has_feature(FEATURE) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define YB_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define YB_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define YB_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define YB_TSAN 0
#endif

/* The part of a context that belongs to the sanitizers.  Its owner is the context's. */
#if YB_ASAN
typedef struct yb_fiber {
    void *fake_stack; /* of a context that is not running */
    void *low;        /* the stack, for whoever switches to it */
    size_t size;
    void (*entry)(void *arg); /* of a fresh context: what yb_fiber_begin calls */
    void *arg;
} yb_fiber;
#elif YB_TSAN
typedef struct yb_fiber {
    void *handle;
    int owned; /* made by us, so destroyed by us */
} yb_fiber;
#else
__extension__ typedef struct yb_fiber {
} yb_fiber;
#endif

/* The thread's own stack. */
static inline void yb_fiber_adopt(yb_fiber *fiber)
{
#if YB_ASAN
    pthread_attr_t attributes;
    *fiber = (yb_fiber){0};
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &fiber->low, &fiber->size);
        pthread_attr_destroy(&attributes);
    }
#elif YB_TSAN
    *fiber = (yb_fiber){.handle = __tsan_get_current_fiber()};
#else
    (void)fiber;
#endif
}

#if YB_ASAN
/* The first thing that runs on a new stack. */
static inline void yb_fiber_begin(void *arg)
{
    yb_fiber *fiber = arg;
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    fiber->entry(fiber->arg);
}
#endif

/* A new stack, [low, low + size), that will begin with entry(arg), or with what it puts there. */
static inline void yb_fiber_init(yb_fiber *fiber, void *low, size_t size, void (**entry)(void *),
                                 void **arg)
{
#if YB_ASAN
    *fiber = (yb_fiber){.low = low, .size = size, .entry = *entry, .arg = *arg};
    *entry = yb_fiber_begin;
    *arg = fiber;
    __asan_unpoison_memory_region(low, size); /* what the last user's frames left behind */
#elif YB_TSAN
    (void)low, (void)size, (void)entry, (void)arg;
    *fiber = (yb_fiber){.handle = __tsan_create_fiber(0), .owned = 1};
#else
    (void)fiber, (void)low, (void)size, (void)entry, (void)arg;
#endif
}

static inline void yb_fiber_destroy(yb_fiber *fiber)
{
#if YB_TSAN
    if (fiber->owned)
        __tsan_destroy_fiber(fiber->handle);
#else
    (void)fiber;
#endif
}

/* Before a switch; from is NULL when it ends. */
static inline void yb_fiber_leave(yb_fiber *from, yb_fiber *to)
{
#if YB_ASAN
    __sanitizer_start_switch_fiber(from ? &from->fake_stack : NULL, to->low, to->size);
#elif YB_TSAN
    (void)from;
    __tsan_switch_to_fiber(to->handle, 0);
#else
    (void)from, (void)to;
#endif
}

/* After a switch, on the stack of self. */
static inline void yb_fiber_enter(yb_fiber *self)
{
#if YB_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
#else
    (void)self;
#endif
}

/* Around mappings made by system calls that ThreadSanitizer does not see (liburing's): what was
 * done to one before it ended happened before what is done to the next one at that address. */
static inline void yb_hidden_mapping_begins(void *token)
{
#if YB_TSAN
    __tsan_acquire(token);
#else
    (void)token;
#endif
}

static inline void yb_hidden_mapping_ends(void *token)
{
#if YB_TSAN
    __tsan_release(token);
#else
    (void)token;
#endif
}

#endif
