/* Task-locals.
 *
 * A binding is a key with a value, counted: tasks that inherited the value share it.  A table of
 * bindings is counted too, and shared by whoever inherited all of it; one that is shared is never
 * changed, but replaced for the task that sets a value.  So creating a task costs one increment,
 * and setting a value as much as the task has values, which are few.
 *
 * A function that runs on a thread for a task sees the task's values, and whoever submitted it may
 * hold the table for it: so tables and bindings are counted atomically.  What has one reference is
 * its task's alone, which may change it: new references come from those that have one.
 *
 * A value is freed after the task has let go of it, so free_value may use locals itself. */
#include "task/local.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/memory.h"
#include <yibu/local.h>

typedef struct binding {
    const yibu_local *key;
    void *value;
    _Atomic(size_t) references; /* tables that have it */
} binding;

struct yb_locals {
    _Atomic(size_t) references; /* tasks and functions that have it */
    size_t count;
    binding *bindings[];
};

YB_THREAD_LOCAL yb_locals *(*yb_locals_elsewhere)(void);

static void take_reference(_Atomic(size_t) *references)
{
    atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
}

/* Whether it was the last. */
static bool drop_reference(_Atomic(size_t) *references)
{
    /* acq_rel: what the others did is over before it is freed. */
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

static bool is_shared(const _Atomic(size_t) *references)
{
    return atomic_load_explicit(references, memory_order_acquire) > 1;
}

yb_locals *yb_locals_share(yb_locals *locals)
{
    if (locals)
        take_reference(&locals->references);
    return locals;
}

static void free_value(const yibu_local *key, void *value)
{
    if (key->free_value)
        key->free_value(value);
}

static void drop_binding(binding *b)
{
    if (!drop_reference(&b->references))
        return;
    free_value(b->key, b->value);
    yb_free(b);
}

void yb_locals_drop(yb_locals *locals)
{
    if (!locals || !drop_reference(&locals->references))
        return;
    for (size_t i = 0; i < locals->count; i++)
        drop_binding(locals->bindings[i]);
    yb_free(locals);
}

/* Again where a free_value has set a value meanwhile. */
void yb_locals_release(yb_task *task)
{
    while (task->locals) {
        yb_locals *locals = task->locals;
        task->locals = NULL;
        yb_locals_drop(locals);
    }
}

static binding *find(const yb_locals *locals, const yibu_local *key)
{
    for (size_t i = 0; locals && i < locals->count; i++)
        if (locals->bindings[i]->key == key)
            return locals->bindings[i];
    return NULL;
}

/* A table with room for one more than old has, which nobody else has yet: old's bindings but that
 * of the key. */
static yb_locals *copy_without(const yb_locals *old, const yibu_local *key)
{
    size_t count = old ? old->count : 0;
    yb_locals *locals = yb_malloc(sizeof(*locals) + (count + 1) * sizeof(locals->bindings[0]));
    if (!locals)
        return NULL;
    atomic_init(&locals->references, 1);
    locals->count = 0;
    for (size_t i = 0; i < count; i++)
        if (old->bindings[i]->key != key) {
            take_reference(&old->bindings[i]->references);
            locals->bindings[locals->count++] = old->bindings[i];
        }
    return locals;
}

static binding *new_binding(const yibu_local *key, void *value)
{
    binding *b = yb_malloc(sizeof(*b));
    if (!b)
        return NULL;
    b->key = key;
    b->value = value;
    atomic_init(&b->references, 1);
    return b;
}

/* Gives the task a table of its own, with value, or without any where that is NULL. */
static int replace(yb_task *task, const yibu_local *key, void *value)
{
    yb_locals *old = task->locals;
    binding *b = value ? new_binding(key, value) : NULL;
    if (value && !b)
        return -ENOMEM;
    yb_locals *locals = copy_without(old, key);
    if (!locals) {
        yb_free(b);
        return -ENOMEM;
    }
    if (b)
        locals->bindings[locals->count++] = b;
    task->locals = locals;
    yb_locals_drop(old);
    return 0;
}

void *yibu_local_get(const yibu_local *key)
{
    const yb_task *task = yb_task_current;
    const yb_locals *locals = NULL;
    if (task)
        locals = task->locals;
    else if (yb_locals_elsewhere)
        locals = yb_locals_elsewhere();
    const binding *b = find(locals, key);
    return b ? b->value : NULL;
}

int yibu_local_set(const yibu_local *key, void *value)
{
    int error = 0;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    if (!key)
        return -EINVAL;
    binding *b = find(task->locals, key);
    if (!b && !value)
        return 0;
    if (!b || !value || is_shared(&b->references) || is_shared(&task->locals->references))
        return replace(task, key, value);
    void *old = b->value;
    b->value = value;
    if (old != value)
        free_value(key, old);
    return 0;
}
