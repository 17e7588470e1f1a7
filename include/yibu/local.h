/* Task-locals: values that follow a task and the tasks it creates (Python's contextvars).
 *
 *     static yibu_local request_id = YIBU_LOCAL_INIT(free);
 *     yibu_local_set(&request_id, strdup("42"));
 *     ...; puts(yibu_local_get(&request_id));    // also in tasks created from here on
 *
 * A task begins with the values that its creator has at that moment.  What either sets later, the
 * other does not see. */
#ifndef YIBU_LOCAL_H
#define YIBU_LOCAL_H

#include <yibu/base.h>

/* A key: static, or in storage that outlives every task that has a value for it. */
typedef struct yibu_local {
    void (*free_value)(void *value); /* may be NULL */
    uintptr_t reserved[3];
} yibu_local;

#define YIBU_LOCAL_INIT(free_value) \
    {                               \
        (free_value),               \
        {                           \
            0                       \
        }                           \
    }

YIBU_BEGIN_DECLS

/* The running task's value; in a function that runs on a thread, that of the task which asked for
 * it.  NULL where it has none, and elsewhere.  Never suspends. */
YIBU_API void *yibu_local_get(const yibu_local *key);

/* Sets the running task's value; NULL takes it away.  The value becomes the runtime's: once no task
 * has it any more, neither this one nor one that inherited it, the key's free_value is called with
 * it, in the loop's thread, in the task that let go of it last, or on the thread of a function that
 * did.  Never suspends.  Context: a task.
 * Returns 0, -ENOMEM, -EINVAL or YIBU_ENOTASK; then the value is still the caller's. */
YIBU_API int yibu_local_set(const yibu_local *key, void *value);

YIBU_END_DECLS

#endif
