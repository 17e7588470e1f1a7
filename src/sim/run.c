/* One run: made, driven until its main task has ended or the simulator ends it, torn down.
 *
 *   main runs ──▶ the others are cancelled and waited for ──▶ over
 *       │                       │
 *       └─────── failure ───────┴──▶ quiet: no more choices; all are cancelled; those that do not
 *                                    end even so are dropped, with what they hold
 *
 * The scheduler, with its stacks, stays with the thread: making one costs more than a short run. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "sim/backend.h"
#include "sim/network.h"
#include "sim/options.h"
#include "sim/processes.h"
#include "sim/report.h"
#include "sim/sim.h"
#include "sim/steps.h"
#include "sim/threads.h"
#include "sim/trace.h"
#include <yibu/error.h>

enum { LAST_STEPS = 100000 }; /* that cancelled tasks of a failed run may take */

YB_THREAD_LOCAL yb_sim *yb_sim_current;

/* What a thread keeps between its runs. */
typedef struct keepsake {
    yb_sim sim;
    yb_loop_part *scheduler; /* NULL: the first run makes it */
    void (*free_scheduler)(yb_loop_part *part);
} keepsake;

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* At the thread's end: the scheduler wants a loop to leave. */
static void forget(void *memory)
{
    keepsake *k = memory;
    if (k->scheduler) {
        yibu_loop *loop = yb_calloc(1, sizeof(*loop));
        if (!loop)
            return;
        ((yb_scheduler *)(void *)k->scheduler)->loop = loop;
        k->free_scheduler(k->scheduler);
        yb_free(loop);
    }
    yb_free(k);
}

static void make_key(void)
{
    (void)pthread_key_create(&key, forget);
}

static int find_keepsake(keepsake **ret_keepsake)
{
    pthread_once(&once, make_key);
    keepsake *k = pthread_getspecific(key);
    if (!k || (yb_sim_current && yb_forked())) { /* a child of a fork leaves its parent's alone */
        k = yb_calloc(1, sizeof(*k));
        if (!k)
            return -ENOMEM;
        if (pthread_setspecific(key, k) != 0) {
            yb_free(k);
            return -ENOMEM;
        }
    }
    *ret_keepsake = k;
    return 0;
}

/* Instead of the scheduler's end, when its loop ends. */
static void keep_scheduler(yb_loop_part *part)
{
    yb_scheduler *s = (yb_scheduler *)(void *)part;
    s->loop->parts[YB_PART_TASKS] = NULL;
    s->loop = NULL;
}

static int attach_scheduler(keepsake *k, yibu_loop *loop)
{
    yb_scheduler *s = (yb_scheduler *)(void *)k->scheduler;
    if (s) {
        s->loop = loop;
        s->last_id = 0;
        if (k->sim.chances.allocation > 0) /* what is kept is not allocated, and does not fail */
            yb_scheduler_trim(s);
        yb_float_environment_save(&s->float_environment);
        loop->parts[YB_PART_TASKS] = k->scheduler;
        return 0;
    }
    int r = yb_scheduler_new(loop);
    if (r < 0)
        return r;
    k->scheduler = loop->parts[YB_PART_TASKS];
    k->free_scheduler = k->scheduler->free;
    k->scheduler->free = keep_scheduler;
    k->scheduler->idle = NULL; /* its stacks age by a clock that is not the world's */
    return 0;
}

static void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    yb_sim *sim = arg;
    if (yb_sim_traces(sim))
        yb_sim_trace(sim, "loop", "reports: %s%s%s", message, code ? ": " : "",
                     code ? yibu_strerror(code) : "");
    if (sim->options.exception_handler)
        sim->options.exception_handler(loop, message, code, sim->options.exception_handler_arg);
    else
        fprintf(stderr, "yibu: %s%s%s\n", message, code ? ": " : "",
                code ? yibu_strerror(code) : "");
}

static void reset(yb_sim *sim)
{
    yb_sim fresh = {.overseer = yb_sim_steps,
                    .backend = {.class = &yb_sim_backend_class},
                    .now_ns = YB_SIM_START_NS};
    *sim = fresh;
}

static int make_loop(keepsake *k)
{
    yb_sim *sim = &k->sim;
    yibu_loop_options options = {.size = sizeof(options),
                                 .max_threads = sim->options.max_threads,
                                 .exception_handler = hear,
                                 .exception_handler_arg = sim,
                                 .deadlock_after_ns = YIBU_FOREVER}; /* clock.c finds it at once */
    int r = yb_loop_new_on(&sim->backend, &options, &sim->loop);
    if (r < 0)
        return r;
    sim->loop->overseer = sim->loop->listener = &sim->overseer;
    yb_sim_network_init(sim);
    yb_sim_threads_install(sim);
    yb_sim_processes_install(sim);
    r = attach_scheduler(k, sim->loop);
    if (r < 0)
        (void)yibu_loop_free(sim->loop);
    return r;
}

/* Whether an allocation fails: of Yibu's, while the program runs. */
static bool fails(void *arg)
{
    yb_sim *sim = arg;
    if (!sim->stepping || sim->spared)
        return false;
    sim->spared = true;
    bool faulty = yb_sim_faulty(sim, sim->chances.allocation);
    if (faulty && yb_sim_traces(sim))
        yb_sim_trace(sim, "fault", "an allocation fails");
    sim->spared = false;
    return faulty;
}

static int begin(keepsake *k, uint64_t seed, const yibu_sim_options *options)
{
    yb_sim *sim = &k->sim;
    reset(sim);
    int r = yb_sim_take_options(sim, options);
    if (r == 0)
        r = yb_sim_open_files(sim, seed);
    if (r < 0)
        return r;
    sim->random_state = ~sim->seed;
    sim->keep = (unsigned)(yb_choices_bits(&sim->choices.state) >> 62) * 64;
    r = make_loop(k);
    if (r < 0)
        yb_sim_close_files(sim);
    else
        yb_sim_current = sim;
    if (r == 0 && sim->chances.allocation > 0)
        yb_memory_watch(fails, sim);
    return r;
}

/* Driving. */

static void cancel_all(yb_sim *sim)
{
    yb_list *tasks = &yb_scheduler_of(sim->loop)->tasks;
    for (yb_list *at = tasks->next, *next; at != tasks; at = next) {
        next = at->next;
        (void)yibu_task_cancel(&YB_CONTAINER_OF(at, yb_task, all)->future);
    }
}

/* Turns until the tasks have ended, or the simulator has had enough. */
static void end_tasks(yb_sim *sim)
{
    cancel_all(sim);
    while (sim->loop->task_count > 0 && !sim->failure)
        yb_loop_turn(sim->loop, INT64_MAX);
}

/* What is done for the tasks of a run that failed: they may end, in order and without faults. */
static void end_tasks_quietly(yb_sim *sim)
{
    sim->quiet = true;
    sim->stuck = false;
    uint64_t last = sim->steps + LAST_STEPS;
    cancel_all(sim);
    while (sim->loop->task_count > 0 && !sim->stuck && sim->steps < last)
        yb_loop_turn(sim->loop, INT64_MAX);
    if (sim->loop->task_count == 0)
        return;
    yb_sim_report_stranded(sim);
    yb_sim_abandon_loop(sim);
}

static intptr_t drive(yb_sim *sim, yibu_coroutine *main, void *arg)
{
    yibu_task_options options = {.size = sizeof(options), .name = "main"};
    yibu_task *task = yibu_create_task_at(main, arg, &options, "yibu_sim_run");
    if (!task)
        return -ENOMEM;
    sim->main = yb_task_of(task);
    sim->loop->main_task = sim->main;
    while (!yibu_task_done(task) && !sim->failure)
        yb_loop_turn(sim->loop, INT64_MAX);
    sim->loop->main_task = NULL;
    if (!sim->failure)
        end_tasks(sim);
    intptr_t result = sim->failure ? sim->failure : yibu_task_result(task);
    if (sim->failure)
        end_tasks_quietly(sim);
    yibu_task_unref(task);
    return result;
}

static void end(yb_sim *sim)
{
    yb_sim_report(sim);
    sim->quiet = true;
    yb_memory_watch(NULL, NULL);
    if (sim->record)
        sim->record->ended = 1;
    yb_sim_close_files(sim);
    if (sim->loop->public_pending > 0) /* nobody waits for them */
        yb_sim_abandon_loop(sim);
    int r = yibu_loop_free(sim->loop);
    YB_ASSERT(r == 0);
    yb_sim_current = NULL;
}

intptr_t yibu_sim_run(uint64_t seed, yibu_coroutine *main, void *arg,
                      const yibu_sim_options *options)
{
    if (!main)
        return -EINVAL;
    if (yb_loop_current || (yb_sim_current && !yb_forked()))
        return -EBUSY;
    keepsake *k;
    int r = find_keepsake(&k);
    if (r == 0)
        r = begin(k, seed, options);
    if (r < 0)
        return r;
    intptr_t result = drive(&k->sim, main, arg);
    end(&k->sim);
    return result;
}

/* What a simulated program may ask. */

bool yibu_sim_running(void)
{
    return yb_sim_current && yb_sim_current->loop == yb_loop_current;
}

uint64_t yibu_sim_seed(void)
{
    return yb_sim_current ? yb_sim_current->seed : 0;
}

uint64_t yibu_sim_random(uint64_t bound)
{
    return yb_sim_current ? yb_sim_below(yb_sim_current, bound) : 0;
}

bool yibu_sim_chance(double probability)
{
    if (!yb_sim_current || yb_sim_current->quiet || !(probability > 0))
        return false;
    double chance = (probability < 1 ? probability : 1) * 4294967296.0;
    return yb_choices_happens(&yb_sim_current->choices, (uint64_t)chance);
}
