/* Functions on threads: each runs inline, whole, at one instant.  As many are under way at once as
 * the pool would have threads; the others wait in line, first come, first served.
 *
 * A function that waits for another one, or for the loop, waits for ever: they share one thread. */
#include "sim/threads.h"

#include <errno.h>

#include "base/memory.h"
#include "exec/thread_pool.h"
#include "sim/errand.h"
#include "sim/network.h"
#include "sim/trace.h"

enum { DEFAULT_MAX_THREADS = 32 };

typedef struct call {
    yb_sim_errand errand; /* first */
    yb_work *work;
    bool given_up; /* its release is called, not its done */
} call;

static call *call_of(yb_list *links)
{
    return YB_CONTAINER_OF(links, call, errand.links);
}

static void start_next(yb_sim_threads *threads)
{
    while (threads->running < threads->max && !yb_list_empty(&threads->line)) {
        yb_list *links = yb_list_pop_front(&threads->line);
        yb_list_push_back(&threads->busy, links);
        threads->running++;
        yb_sim_errand_start(&call_of(links)->errand, 0);
    }
}

static void run(yb_sim_errand *errand)
{
    yb_work *work = ((call *)(void *)errand)->work;
    if (yb_sim_traces(errand->sim))
        yb_sim_trace(errand->sim, "thread", "runs a function");
    yibu_loop *loop = yb_sim_leave_loop(errand->sim);
    yb_work_current = work;
    work->result = work->fn(work->arg);
    yb_work_current = NULL;
    yb_sim_enter_loop(errand->sim, loop);
}

static void come_back(yb_runnable *item)
{
    yb_work *work = YB_CONTAINER_OF(item, yb_work, posted);
    work->class->done(work);
}

static void post(yb_sim *sim, yb_work *work)
{
    work->posted.run = come_back;
    yb_loop_ready(sim->loop, &work->posted);
}

static void leave(call *c)
{
    yb_sim_errand_stop(&c->errand);
    yb_list_unlink(&c->errand.links);
    yb_free(c);
}

static void finish(yb_sim_errand *errand)
{
    call *c = (call *)(void *)errand;
    yb_sim *sim = errand->sim;
    if (c->given_up)
        c->work->class->release(c->work);
    else
        post(sim, c->work);
    leave(c);
    sim->threads.running--;
    start_next(&sim->threads);
}

static yb_sim_threads *self(yb_executor *executor)
{
    return YB_CONTAINER_OF(executor, yb_sim_threads, executor);
}

static int submit(yb_executor *executor, yb_work *work)
{
    yb_sim_threads *threads = self(executor);
    call *c = yb_sim_allocate(threads->sim, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->errand.sim = threads->sim;
    c->errand.run = run;
    c->errand.finish = finish;
    c->work = work;
    work->returns = NULL;
    atomic_init(&work->unwanted, false);
    yb_list_push_back(&threads->line, &c->errand.links);
    start_next(threads);
    return 0;
}

static call *find(yb_list *list, const yb_work *work)
{
    for (yb_list *at = list->next; at != list; at = at->next)
        if (call_of(at)->work == work)
            return call_of(at);
    return NULL;
}

static bool withdraw(yb_sim_threads *threads, call *c, bool in_line)
{
    yb_work *work = c->work;
    leave(c);
    if (!in_line) {
        threads->running--;
        start_next(threads);
    }
    if (work->class->release)
        work->class->release(work);
    return true;
}

static bool cancel(yb_executor *executor, yb_work *work)
{
    yb_sim_threads *threads = self(executor);
    call *c = find(&threads->line, work);
    if (c)
        return withdraw(threads, c, true);
    c = find(&threads->busy, work);
    if (!c)
        return false; /* its answer is in the ready queue */
    if (!c->errand.has_run)
        return withdraw(threads, c, false);
    c->given_up = work->class->release != NULL;
    return c->given_up;
}

/* At the loop's end: what has not run is withdrawn, what has is handed over. */
static void end(yb_loop_part *part)
{
    yb_sim_threads *threads = YB_CONTAINER_OF(part, yb_sim_threads, executor.part);
    threads->sim->loop->parts[YB_PART_THREADS] = NULL;
    threads->max = 0;
    yb_list *lists[] = {&threads->busy, &threads->line};
    for (int i = 0; i < 2; i++)
        while (!yb_list_empty(lists[i])) {
            call *c = call_of(lists[i]->next);
            if (!c->errand.has_run)
                c->work->result = -ECANCELED;
            if (c->given_up)
                c->work->class->release(c->work);
            else
                post(threads->sim, c->work);
            leave(c);
        }
}

void yb_sim_threads_abandon(yb_sim *sim)
{
    yb_list *lists[] = {&sim->threads.busy, &sim->threads.line};
    for (int i = 0; i < 2; i++)
        while (!yb_list_empty(lists[i]))
            leave(call_of(lists[i]->next));
}

void yb_sim_threads_install(yb_sim *sim)
{
    static const yb_executor_class class = {submit, cancel};
    yb_sim_threads *threads = &sim->threads;
    unsigned max = sim->options.max_threads;
    threads->sim = sim;
    threads->executor.part = (yb_loop_part){.free = end};
    threads->executor.class = &class;
    threads->max = max ? max : DEFAULT_MAX_THREADS;
    yb_list_init(&threads->line);
    yb_list_init(&threads->busy);
    sim->loop->parts[YB_PART_THREADS] = &threads->executor.part;
}
