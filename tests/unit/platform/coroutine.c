#include "coroutine.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "platform/context.h"

struct coroutine {
    yb_context context;
    yb_context *resumer;
    coroutine *outer;
    yb_stack *stack;
    coroutine_function *fn;
    void *arg;
    const char *name;
    bool started;
    bool ended;
};

static _Thread_local struct {
    yb_context thread;
    yb_stack_pool *pool;
    coroutine *current;
} here;

static void begin(void *arg)
{
    coroutine *self = arg;
    self->fn(self->arg);
    self->ended = true;
    here.current = self->outer;
    yb_context_exit(self->resumer);
}

coroutine *coroutine_new_sized(coroutine_function *fn, void *arg, const char *name, size_t size)
{
    if (!here.pool) {
        YB_ASSERT(yb_stack_pool_new(&here.pool) == 0);
        yb_context_adopt(&here.thread);
    }
    coroutine *self = calloc(1, sizeof *self);
    YB_ASSERT(self != NULL);
    *self = (coroutine){.fn = fn, .arg = arg, .name = name};
    self->stack = yb_stack_acquire(here.pool, size, self);
    YB_ASSERT(self->stack != NULL);
    return self;
}

coroutine *coroutine_new(coroutine_function *fn, void *arg, const char *name)
{
    return coroutine_new_sized(fn, arg, name, 0);
}

void coroutine_free(coroutine *which)
{
    yb_context_release(&which->context);
    yb_stack_release(here.pool, which->stack);
    free(which);
}

void coroutine_resume(coroutine *which)
{
    YB_ASSERT(!which->ended);
    which->outer = here.current;
    which->resumer = here.current ? &here.current->context : &here.thread;
    here.current = which;
    if (which->started) {
        yb_context_switch(which->resumer, &which->context);
        return;
    }
    which->started = true;
    yb_context_start(which->resumer, &which->context, which->stack, begin, which);
}

void coroutine_yield(void)
{
    coroutine *self = here.current;
    here.current = self->outer;
    yb_context_switch(&self->context, self->resumer);
}

bool coroutine_ended(const coroutine *which)
{
    return which->ended;
}

const yb_stack *coroutine_stack(const coroutine *which)
{
    return which->stack;
}

void coroutine_thread_end(void)
{
    yb_context_release(&here.thread);
    yb_stack_pool_free(here.pool);
    here.pool = NULL;
}

void coroutine_describe(void *owner, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "coroutine \"%s\"", ((coroutine *)owner)->name);
}
