/* Async iterators: items that come one by one, each of which may have to be waited for.
 *
 *     int r;
 *     YIBU_ASYNC_FOR (yibu_future *, future, yibu_as_completed(futures, n, YIBU_FOREVER), &r)
 *         printf("%ld\n", (long)yibu_await(future));
 *     if (r < 0)
 *         return r;
 *
 * One protocol for all of them: next until it answers something else than 1, then close.  The block
 * above does both, on every way out.  An iterator is one consumer's at a time.
 *
 * A generator is the easy way to make one: a coroutine that calls yibu_generator_yield for each
 * item.  The other is a class of one's own:
 *
 *     typedef struct countdown { yibu_iterator iterator; long left; } countdown;
 *     static int next(yibu_iterator *iterator, void **ret_item);
 *     static void release(yibu_iterator *iterator) { free(iterator); }
 *     static const yibu_iterator_class class = {
 *         .size = sizeof(class), .name = "countdown", .next = next, .free = release};
 *     …  yibu_iterator_init(&self->iterator, &class);  return &self->iterator; */
#ifndef YIBU_ITERATOR_H
#define YIBU_ITERATOR_H

#include <errno.h>

#include <yibu/base.h>
#include <yibu/task.h>

typedef struct yibu_iterator yibu_iterator;

/* What an implementation provides.  Static; size is sizeof(yibu_iterator_class). */
typedef struct yibu_iterator_class {
    size_t size;
    const char *name;
    /* The next item, suspending until there is one: 1 with *ret_item, 0 at the end, or a failure.
     * Called neither after one of the latter two nor while another call is under way.  A cancel of
     * the caller ends it with -ECANCELED, unless an item was taken already: that is handed out. */
    int (*next)(yibu_iterator *iterator, void **ret_item);
    /* Releases what the iterator holds; may suspend, cancels wait meanwhile.  Called once: at the
     * end, after a failure or a cancel, or because the consumer leaves early.  May be NULL.
     * Returns 0, or the failure that the consumer should hear of. */
    int (*close)(yibu_iterator *iterator);
    /* Frees the memory, after close; may be NULL.  Never suspends. */
    void (*free)(yibu_iterator *iterator);
} yibu_iterator_class;

/* First member of an implementation's struct; made by yibu_iterator_init. */
struct yibu_iterator {
    const yibu_iterator_class *type;
    int status; /* what next answers once the iterator is closed */
    bool closed;
    bool busy; /* a call is under way */
    uintptr_t reserved[2];
};

YIBU_BEGIN_DECLS

/* Makes the common part of an implementation ready.  Never suspends.  Context: any. */
static inline void yibu_iterator_init(yibu_iterator *iterator, const yibu_iterator_class *type)
{
    iterator->type = type;
    iterator->status = 0;
    iterator->closed = iterator->busy = false;
    iterator->reserved[0] = iterator->reserved[1] = 0;
}

/* Takes the next item.  What the item is, and how long it lives, the iterator's maker says.
 * Anything but an item has closed the iterator, and later calls answer the same.
 * Context: a task.  Checkpoint.  Cancel: closes the iterator; no item is lost.
 * Returns 1 with *ret_item; 0 at the end; a failure: -ECANCELED, -ENOMEM for NULL, -EBUSY while
 * another task's call is under way (which leaves it as it is), or one of the iterator's own. */
YIBU_API int yibu_iterator_next(yibu_iterator *iterator, void **ret_item);

/* Closes the iterator where it is not closed yet, and frees it.  NULL is fine.
 * Context: a task.  Must finish.
 * Returns 0 or what closing it failed with.  Nothing is done on -EBUSY (another task's call is
 * under way) or YIBU_ENOTASK. */
YIBU_API int yibu_iterator_close(yibu_iterator *iterator);

/* The count pointers of an array, which must live until the iterator is closed; NULL is one like
 * any other.  Never suspends; next is a checkpoint.  Context: any.
 * Returns the iterator, or NULL where there is no memory, or no array for a count. */
YIBU_API yibu_iterator *yibu_iterate_array(void *const *items, size_t count);

/* A generator: fn(arg) as a task of its own, which begins with the first call of next.  Its
 * checkpoints are cancelled when the generator is closed early, and closing waits until it has
 * ended.  A result that is a failure is what next answers; any other is the end.
 * arg must live until the generator is closed.  Never suspends.  Context: the loop's thread.
 * Returns the iterator, or NULL where there is no memory, no loop or no fn. */
YIBU_API yibu_iterator *yibu_generator_new_at(yibu_coroutine *fn, void *arg, const char *place);
#define yibu_generator_new(fn, arg) yibu_generator_new_at((fn), (arg), YIBU_HERE)

/* Hands an item to the generator's consumer and suspends until it wants the next one.  Whatever
 * this returns, the item is the generator's again, so it may be on its stack.
 * Context: a generator's task, at any depth of calls.  Checkpoint.
 * Returns 0; -ECANCELED once the generator is being closed; -EINVAL outside a generator. */
YIBU_API int yibu_generator_yield(void *item);

/* The storage of YIBU_ASYNC_FOR. */
typedef struct yibu_async_for_ {
    yibu_iterator *iterator;
    int *ret_status;
    void *item;
    bool entered;
} yibu_async_for_;

static inline yibu_async_for_ yibu_async_for_begin_(yibu_iterator *iterator, int *ret_status)
{
    yibu_async_for_ loop = {iterator, ret_status, NULL, true};
    *ret_status = iterator ? 0 : -ENOMEM;
    return loop;
}

static inline bool yibu_async_for_next_(yibu_async_for_ *loop)
{
    int r = loop->iterator ? yibu_iterator_next(loop->iterator, &loop->item) : -ENOMEM;
    *loop->ret_status = r < 0 ? r : 0;
    return r == 1;
}

static inline void yibu_async_for_leave_(yibu_async_for_ *loop)
{
    int r = yibu_iterator_close(loop->iterator);
    if (r < 0 && *loop->ret_status == 0)
        *loop->ret_status = r;
}

#if defined(__GNUC__)
/* `async for`: the statement that follows runs for each item, a TYPE (a pointer) named ITEM;
 * the iterator is closed on every way out of it.  `break` and `continue` work as in any loop.
 * Afterwards *ret_status, an int, is 0 or the failure that ended it: -ENOMEM where ITERATOR was
 * NULL, -ECANCELED, or one of the iterator's own. */
#define YIBU_ASYNC_FOR(TYPE, ITEM, ITERATOR, ret_status)                                          \
    for (__attribute__((cleanup(yibu_async_for_leave_)))                                          \
         yibu_async_for_ yibu_async_for_##ITEM = yibu_async_for_begin_((ITERATOR), (ret_status)); \
         yibu_async_for_##ITEM.entered; yibu_async_for_##ITEM.entered = false)                    \
        for (TYPE ITEM; yibu_async_for_next_(&yibu_async_for_##ITEM) &&                           \
                        ((ITEM) = (TYPE)yibu_async_for_##ITEM.item, true);)
#endif

YIBU_END_DECLS

#endif
