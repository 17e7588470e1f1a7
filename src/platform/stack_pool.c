/* The free stacks of one loop: who gets which, and when their memory goes back.
 *
 * A free stack is hot, warm, cooling or cold (stack.h).  Released ones are hot and are taken first,
 * so a stack keeps its pages and its cache lines.  Once a period hot becomes warm and warm becomes
 * cooling, whole lists at a time: what is cooling was not needed for one period at least.  Bursts
 * that come back within a period therefore fault nothing in twice.  Trimming turns cooling stacks
 * into cold ones, a batch each turn of the loop, so that no turn gets long. */
#include "platform/stack.h"

#include <errno.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/advice.h"
#include "platform/overflow.h"
#include "platform/stack_slab.h"

enum { TRIM_BATCH = 64 };

static yb_stack *pop(yb_stack **list)
{
    yb_stack *stack = *list;
    *list = stack->next;
    return stack;
}

static void push(yb_stack **list, yb_stack *stack)
{
    stack->next = *list;
    *list = stack;
}

int yb_stack_pool_new(yb_stack_pool **ret_pool)
{
    static const size_t strides[YB_STACK_CLASSES] = {YB_STACK_DEFAULT_BYTES, YB_STACK_MIDDLE_BYTES,
                                                     YB_STACK_LARGE_BYTES};
    yb_stack_pool *pool = yb_calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    for (int i = 0; i < YB_STACK_CLASSES; i++)
        pool->classes[i].stride = strides[i];
    pool->rotate_ns = INT64_MAX;
    *ret_pool = pool;
    return 0;
}

static void free_slab(yb_slab *slab)
{
    for (unsigned i = 1; i <= slab->carved; i++)
        if (slab->stacks[i].owner)
            yb_abort("a stack pool is freed while a stack of owner %p is in use",
                     slab->stacks[i].owner);
    yb_slab_free(slab);
}

void yb_stack_pool_free(yb_stack_pool *pool)
{
    if (!pool)
        return;
    for (int i = 0; i < YB_STACK_CLASSES; i++)
        for (yb_slab *slab = pool->classes[i].slabs, *next; slab; slab = next) {
            next = slab->next;
            free_slab(slab);
        }
    yb_free(pool);
}

/* An eighth of what there is, so a pool that grows large does so in large steps. */
static unsigned growth(const yb_stack_class *class)
{
    unsigned step = class->count / 8;
    return step < 1 ? 1 : step > YB_ADVICE_MAX ? YB_ADVICE_MAX : step;
}

/* Every stack that is not cold has its canary, if that is its guard. */
static void arm(yb_stack_pool *pool, yb_stack *stack)
{
    if (yb_slab_kind(stack) != YB_GUARD_CANARY)
        return;
    pool->canaries = true;
    yb_guard_set_canary(stack->low);
}

static bool grow(yb_stack_pool *pool, yb_stack_class *class)
{
    unsigned step = growth(class);
    unsigned got = class->slabs ? yb_slab_carve(class->slabs, step, &class->hot) : 0;
    if (got == 0) {
        yb_slab *slab = yb_slab_new(class->stride, class->slabs);
        if (!slab)
            return false;
        slab->next = class->slabs;
        class->slabs = slab;
        got = yb_slab_carve(slab, step, &class->hot);
    }
    class->count += got;
    yb_stack *stack = class->hot;
    for (unsigned i = 0; i < got; i++, stack = stack->next)
        arm(pool, stack);
    return got > 0;
}

static yb_stack *take(yb_stack_pool *pool, yb_stack_class *class)
{
    yb_stack **lists[] = {&class->hot, &class->warm, &class->cooling};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (*lists[i])
            return pop(lists[i]);
    if (class->cold) {
        arm(pool, class->cold);
        return pop(&class->cold);
    }
    return grow(pool, class) ? pop(&class->hot) : NULL;
}

yb_stack *yb_stack_acquire_slowly(yb_stack_pool *pool, size_t size, void *owner)
{
    for (int i = 0; i < YB_STACK_CLASSES; i++) {
        yb_stack_class *class = &pool->classes[i];
        if (size > class->stride)
            continue;
        yb_stack *stack = take(pool, class);
        if (stack)
            stack->owner = owner;
        return stack;
    }
    return NULL;
}

static void report_and_abort(const yb_stack *stack)
{
    yb_overflow_report(stack);
    yb_abort("the memory below that stack is damaged");
}

void yb_stack_check(const yb_stack *stack)
{
    if (yb_slab_kind(stack) == YB_GUARD_CANARY && !yb_guard_canary_intact(stack->low))
        report_and_abort(stack);
}

void yb_stack_release_other(yb_stack_pool *pool, yb_stack *stack)
{
    yb_stack_check(stack);
    size_t span = (size_t)(stack->top - stack->low);
    int i = 0;
    while (span > pool->classes[i].stride)
        i++;
    stack->owner = NULL;
    push(&pool->classes[i].hot, stack);
}

/* Gives up to batch stacks' memory back.  Neighbours are likely to be in one batch. */
static unsigned give_back(yb_stack_class *class, unsigned batch)
{
    yb_stack *given[TRIM_BATCH];
    unsigned count = 0;
    while (count < batch && class->cooling) {
        given[count] = pop(&class->cooling);
        yb_slab_mark(given[count++]);
    }
    for (unsigned i = 0; i < count; i++) {
        yb_slab_give_back_marked(yb_slab_of(given[i]));
        push(&class->cold, given[i]);
    }
    return count;
}

static bool any(yb_stack_pool *pool, bool (*has)(const yb_stack_class *class))
{
    for (int i = 0; i < YB_STACK_CLASSES; i++)
        if (has(&pool->classes[i]))
            return true;
    return false;
}

static bool has_cooling(const yb_stack_class *class)
{
    return class->cooling;
}

static bool has_memory(const yb_stack_class *class)
{
    return class->hot || class->warm;
}

static void rotate(yb_stack_pool *pool)
{
    for (int i = 0; i < YB_STACK_CLASSES; i++) {
        yb_stack_class *class = &pool->classes[i];
        class->cooling = class->warm;
        class->warm = class->hot;
        class->hot = NULL;
    }
}

int64_t yb_stack_pool_trim(yb_stack_pool *pool, int64_t now_ns)
{
    unsigned left = TRIM_BATCH;
    for (int i = 0; i < YB_STACK_CLASSES; i++)
        left -= give_back(&pool->classes[i], left);
    if (any(pool, has_cooling))
        return now_ns;
    if (!any(pool, has_memory))
        return pool->rotate_ns = INT64_MAX;
    if (pool->rotate_ns == INT64_MAX) {
        pool->rotate_ns = now_ns + YB_STACK_IDLE_NS;
    } else if (now_ns >= pool->rotate_ns) {
        rotate(pool);
        pool->rotate_ns = now_ns + YB_STACK_IDLE_NS;
        return any(pool, has_cooling) ? now_ns : pool->rotate_ns;
    }
    return pool->rotate_ns;
}
