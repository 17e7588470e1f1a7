/* A step is one item of the ready queue: a task until it suspends, or a callback.
 *
 * Before each, a task may be cancelled and the item is chosen; after each, the limits and the
 * program's invariants are looked at.  Choosing among the first WINDOW only keeps a step cheap
 * where thousands are ready. */
#include "sim/steps.h"

#include <yibu/error.h>

#include "sim/options.h"
#include "sim/report.h"
#include "sim/trace.h"

enum { WINDOW = 64, BUSY_STEPS = 1000, BUSY_NS = 1000, SHOWN = 1 << 20 };

/* Cancels. */

static bool may_cancel(const yb_sim *sim, yb_task *task)
{
    if (task->future.cancels > 0)
        return false;
    if (sim->options.may_cancel)
        return sim->options.may_cancel(&task->future, sim->options.may_cancel_arg);
    return task != sim->main;
}

/* The index-th of those that may be cancelled; counts them where there is none. */
static yb_task *find_victim(const yb_sim *sim, uint64_t index, uint64_t *ret_count)
{
    yb_list *tasks = &yb_scheduler_of(sim->loop)->tasks;
    uint64_t count = 0;
    for (yb_list *at = tasks->next; at != tasks; at = at->next) {
        yb_task *task = YB_CONTAINER_OF(at, yb_task, all);
        if (may_cancel(sim, task) && count++ == index)
            return task;
    }
    *ret_count = count;
    return NULL;
}

bool yb_sim_maybe_cancel(yb_sim *sim)
{
    if (YB_LIKELY(sim->chances.cancel == 0) || !yb_sim_faulty(sim, sim->chances.cancel))
        return false;
    uint64_t count = 0;
    (void)find_victim(sim, UINT64_MAX, &count);
    if (count == 0)
        return false;
    yb_task *victim = find_victim(sim, yb_sim_below(sim, count), &count);
    char name[YB_SIM_NAME];
    if (yb_sim_traces(sim))
        yb_sim_trace(sim, "fault", "cancels %s", yb_sim_name(victim, name));
    return yibu_task_cancel(&victim->future);
}

/* Choosing. */

static uint64_t count_ready(const yb_fifo *ready)
{
    uint64_t count = 0;
    for (const yb_runnable *at = ready->head; at && count < WINDOW; at = at->next)
        count++;
    return count;
}

static yb_runnable *take(yb_fifo *ready, uint64_t index)
{
    yb_runnable *before = NULL, *item = ready->head;
    for (; index > 0; index--) {
        before = item;
        item = item->next;
    }
    if (before)
        before->next = item->next;
    else
        ready->head = item->next;
    if (ready->tail == item)
        ready->tail = before;
    return item;
}

static yb_sim *self(yb_overseer *overseer)
{
    return YB_CONTAINER_OF(overseer, yb_sim, overseer);
}

static yb_runnable *pick(yb_overseer *overseer, yibu_loop *loop)
{
    yb_sim *sim = self(overseer);
    if (sim->failure && !sim->quiet)
        return NULL;
    (void)yb_sim_maybe_cancel(sim);
    if (sim->options.fifo || sim->quiet || !loop->ready.head->next)
        return take(&loop->ready, 0);
    uint64_t count = count_ready(&loop->ready);
    return take(&loop->ready, yb_choices_swerve(&sim->choices, count, sim->keep));
}

/* What a step looks like in the trace. */

static void trace_begin(yb_sim *sim, const yb_task *task)
{
    char name[YB_SIM_NAME];
    if (!task)
        yb_sim_trace(sim, "loop", "calls back");
    else if (!task->stack)
        yb_sim_trace(sim, yb_sim_name(task, name), "starts");
    else
        yb_sim_trace(sim, yb_sim_name(task, name), "goes on");
}

/* A result may be a pointer, which is not the same in the next run. */
static void trace_result(yb_sim *sim, const char *name, intptr_t result)
{
    if (yibu_failed(result))
        yb_sim_trace(sim, name, "ends: %s", yibu_error_name(result));
    else if (result >= 0 && result < SHOWN)
        yb_sim_trace(sim, name, "ends: %ld", (long)result);
    else
        yb_sim_trace(sim, name, "ends");
}

/* Short where there is an owner: the report of a deadlock has the whole of it. */
static void trace_wait(yb_sim *sim, const char *name, const yb_task *task)
{
    char text[128];
    const yb_wait_class *class = task->waits_for;
    const yb_task *owner = class->owner ? class->owner(task) : NULL;
    if (owner) {
        yb_sim_trace(sim, name, "waits: %s of %s", class->name, yb_sim_name(owner, text));
        return;
    }
    snprintf(text, sizeof(text), "%s", class->name);
    if (class->describe)
        class->describe(task, text, sizeof(text));
    yb_sim_trace(sim, name, "waits: %s", text);
}

static void trace_end(yb_sim *sim, const yb_task *task)
{
    char name[YB_SIM_NAME];
    yb_sim_name(task, name);
    switch (task->future.state) {
    case YB_FUTURE_ENDED:
        trace_result(sim, name, task->future.result);
        break;
    case YB_TASK_SUSPENDED:
        trace_wait(sim, name, task);
        break;
    default:
        break; /* it yields */
    }
}

/* Around a step. */

static void before(yb_overseer *overseer, yibu_loop *loop, yb_runnable *item)
{
    yb_sim *sim = self(overseer);
    yb_task *task = item->run == yb_task_run ? YB_CONTAINER_OF(item, yb_task, ready) : NULL;
    (void)loop;
    sim->steps++;
    yb_choices_note(&sim->choices, task ? task->id : 0);
    if (yb_sim_traces(sim))
        trace_begin(sim, task);
    if (task)
        task->future.references++; /* for the trace of how the step ended */
    sim->running = task;
    sim->stepping = true;
    yb_sim_update_record(sim);
}

/* A step costs no time, or what the options and the seed say; but where a program waits by looking
 * at the clock again and again, the clock must move. */
static void pass_time(yb_sim *sim)
{
    if (sim->options.step_ns > 0)
        sim->now_ns += (int64_t)yb_sim_below(sim, (uint64_t)sim->options.step_ns + 1);
    if (++sim->busy_steps > BUSY_STEPS)
        sim->now_ns += BUSY_NS;
}

static void look_at_limits(yb_sim *sim)
{
    if (sim->steps >= sim->options.step_limit)
        yb_sim_fail_at_limit(sim, -ELOOP, "it goes on after %llu steps",
                             (unsigned long long)sim->steps);
    intptr_t r = sim->options.check ? sim->options.check(sim->options.check_arg) : 0;
    if (yibu_failed(r))
        yb_sim_fail(sim, r, "the check failed: %s", yibu_strerror(r));
}

static void after(yb_overseer *overseer, yibu_loop *loop)
{
    yb_sim *sim = self(overseer);
    yb_task *task = sim->running;
    (void)loop;
    sim->running = NULL;
    sim->stepping = false;
    if (task) {
        if (yb_sim_traces(sim))
            trace_end(sim, task);
        yb_future_drop(&task->future);
    }
    pass_time(sim);
    if (!sim->quiet && !sim->failure)
        look_at_limits(sim);
}

const yb_overseer yb_sim_steps = {.pick = pick, .before = before, .after = after};
