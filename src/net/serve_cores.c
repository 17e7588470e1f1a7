/* Servers on many cores: starting all loops, stopping them, waiting for them.
 *
 * Who starts them binds the sockets, starts a thread for each core, hears of each how its setup
 * went, and only then listens and gives the word to serve: so either all loops serve or none does.
 * The phase (cores.h) tells them everything else; each goes through it by itself (core.c).
 *
 * `started` and `ended` are channels, so that whoever waits may be a task or a plain thread; each
 * has room for a word of every core, so saying it never waits. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <yibu/runner.h>
#include <yibu/signal.h>
#include <yibu/timeout.h>

#include "base/memory.h"
#include "base/options.h"
#include "net/cores.h"
#include "task/task.h"
#include <yibu/error.h>

enum { LOOPS_MAX = 1024 };
static const int64_t DEFAULT_DRAIN_NS = YIBU_SECONDS(10);

/* Where all loops listen. */
typedef struct place_to_listen {
    const char *host; /* TCP */
    uint16_t port;
    const char *path; /* a Unix socket, where it is not NULL */
} place_to_listen;

/* Making. */

static unsigned count_cpus(const cpu_set_t *cpus)
{
    unsigned count = (unsigned)CPU_COUNT(cpus);
    long online = count ? 0 : sysconf(_SC_NPROCESSORS_ONLN);
    return count ? count : online > 0 ? (unsigned)online : 1;
}

/* Those that the calling thread may use; none where there are more than the set has room for. */
static void find_cpus(cpu_set_t *ret_cpus)
{
    CPU_ZERO(ret_cpus);
    if (sched_getaffinity(0, sizeof(*ret_cpus), ret_cpus) < 0)
        CPU_ZERO(ret_cpus);
}

static int take_options(yibu_cores *cores, const yibu_cores_options *taken)
{
    cores->options = *taken;
    cores->drain_ns = taken->drain_ns > 0 ? taken->drain_ns : DEFAULT_DRAIN_NS;
    cores->balance = taken->balance;
    (void)snprintf(cores->name, sizeof(cores->name), "%s", taken->name ? taken->name : "yibu");
    int r = yb_options_take(&cores->loop_options, sizeof(cores->loop_options), taken->loop);
    if (r == 0)
        r = yb_options_take(&cores->server_options, sizeof(cores->server_options), taken->server);
    cores->loop_options.size = sizeof(cores->loop_options);
    cores->server_options.size = sizeof(cores->server_options);
    return r;
}

static void init_cores(yibu_cores *cores, unsigned count)
{
    cores->count = count;
    for (unsigned i = 0; i < count; i++) {
        cores->cores[i].cores = cores;
        cores->cores[i].index = i;
        pthread_mutex_init(&cores->cores[i].lock, NULL);
    }
}

static void destroy(yibu_cores *cores)
{
    yb_cores_close_sockets(cores);
    yibu_channel_unref(cores->started);
    yibu_channel_unref(cores->ended);
    for (unsigned i = 0; i < cores->count; i++)
        pthread_mutex_destroy(&cores->cores[i].lock);
    yb_free(cores);
}

static int make(const yibu_cores_options *options, yibu_cores **ret_cores)
{
    yibu_cores_options taken;
    cpu_set_t cpus;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0 || taken.loops > LOOPS_MAX)
        return -EINVAL;
    find_cpus(&cpus);
    unsigned count = taken.loops ? taken.loops : count_cpus(&cpus);
    yibu_cores *cores = yb_calloc(1, sizeof(*cores) + count * sizeof(yibu_core));
    if (!cores)
        return -ENOMEM;
    init_cores(cores, count);
    r = take_options(cores, &taken);
    if (r == 0)
        r = yibu_channel_new(count, &cores->started);
    if (r == 0)
        r = yibu_channel_new(count, &cores->ended);
    if (r == 0)
        *ret_cores = cores;
    else
        destroy(cores);
    return r;
}

/* Threads. */

/* The index-th of the CPUs, counted round. */
static void choose_cpu(const cpu_set_t *cpus, unsigned index, cpu_set_t *ret_one)
{
    unsigned left = index % (unsigned)CPU_COUNT(cpus);
    CPU_ZERO(ret_one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, cpus) && left-- == 0) {
            CPU_SET(cpu, ret_one);
            return;
        }
}

static int start_thread(yibu_core *core, const cpu_set_t *cpus)
{
    pthread_attr_t attributes;
    int r = pthread_attr_init(&attributes);
    if (r != 0)
        return -r;
    if (core->cores->options.pin && CPU_COUNT(cpus) > 0) {
        cpu_set_t one;
        choose_cpu(cpus, core->index, &one);
        r = pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
    }
    if (r == 0)
        r = pthread_create(&core->thread, &attributes, yb_core_run, core);
    pthread_attr_destroy(&attributes);
    return -r;
}

static int start_threads(yibu_cores *cores)
{
    cpu_set_t cpus;
    int r = 0;
    find_cpus(&cpus);
    for (unsigned i = 0; r == 0 && i < cores->count; i++) {
        r = start_thread(&cores->cores[i], &cpus);
        cores->running += r == 0;
    }
    return r;
}

/* Hears of every thread how its start went, until the first failure. */
static int hear_of_starts(yibu_cores *cores)
{
    int r = 0;
    for (unsigned heard = 0; r == 0 && heard < cores->count; heard++) {
        void *item;
        r = yibu_channel_receive(cores->started, &item);
        if (r == 0)
            r = ((yibu_core *)item)->start_result;
    }
    return r;
}

/* Waiting. */

static void hear_of_end(yibu_cores *cores, yibu_core *core)
{
    pthread_join(core->thread, NULL); /* it has said its last word */
    cores->running--;
    if (cores->result == 0)
        cores->result = core->result;
}

int yibu_cores_wait(yibu_cores *cores)
{
    if (!cores)
        return -EINVAL;
    while (cores->running > 0) {
        void *item;
        int r = yibu_channel_receive(cores->ended, &item);
        if (r < 0)
            return r;
        hear_of_end(cores, item);
    }
    return cores->result;
}

/* Waits whatever comes; without memory for a shield, by looking again and again. */
static void wait_to_the_end(yibu_cores *cores)
{
    yibu_timeout shield;
    bool shielded = yb_task_current && yibu_shield_begin(&shield, YIBU_FOREVER) == 0;
    while (cores->running > 0)
        if (yibu_cores_wait(cores) < 0 && cores->running > 0)
            (void)usleep(1000);
    if (shielded)
        yibu_shield_end(&shield);
}

void yibu_cores_stop(yibu_cores *cores)
{
    if (cores)
        yb_cores_advance(cores, YB_CORES_DRAINING);
}

void yibu_cores_abort(yibu_cores *cores)
{
    if (cores)
        yb_cores_advance(cores, YB_CORES_ABORTING);
}

void yibu_cores_free(yibu_cores *cores)
{
    if (!cores)
        return;
    if (cores->running > 0)
        yibu_cores_abort(cores);
    wait_to_the_end(cores);
    destroy(cores);
}

/* Starting. */

static int bind_to(yibu_cores *cores, const place_to_listen *where)
{
    if (where->path)
        return yb_cores_bind_unix(cores, where->path);
    return yb_cores_bind_tcp(cores, where->host, where->port);
}

static int begin(yibu_cores *cores, const place_to_listen *where)
{
    int r = bind_to(cores, where);
    if (r == 0)
        r = start_threads(cores);
    if (r == 0)
        r = hear_of_starts(cores);
    if (r == 0)
        r = yb_cores_listen(cores);
    for (unsigned i = 0; r == 0 && i < cores->count; i++)
        yb_core_open(&cores->cores[i]);
    if (r == 0)
        yb_cores_advance(cores, YB_CORES_SERVING);
    return r;
}

static int check_caller(void)
{
    if (yb_forked())
        return YIBU_EFORKED;
    if (yb_loop_network())
        return -ENOTSUP;
    if (yb_task_current)
        return yb_task_checkpoint(yb_task_current);
    return yb_loop_current && yb_loop_current->running ? YIBU_ENOTASK : 0;
}

typedef struct service {
    yibu_connection_handler *handler;
    void *arg;
    place_to_listen where;
    const yibu_cores_options *options;
    const char *place;
    yibu_cores *cores; /* while there are any */
    yibu_signal_source *signals;
} service;

/* s->cores can be stopped while they start. */
static int start(service *s)
{
    yibu_cores *cores = NULL;
    int r = make(s->options, &cores);
    if (r != 0)
        return r;
    if (!s->handler == !cores->options.factory) { /* one of the two */
        destroy(cores);
        return -EINVAL;
    }
    cores->handler = s->handler;
    cores->arg = s->arg;
    cores->place = s->place;
    s->cores = cores;
    r = begin(cores, &s->where);
    if (r == 0)
        return 0;
    yibu_cores_free(cores);
    s->cores = NULL;
    return r;
}

static int start_for(service *s, yibu_cores **ret_cores)
{
    if (!ret_cores)
        return -EINVAL;
    int r = check_caller();
    if (r == 0)
        r = start(s);
    if (r == 0)
        *ret_cores = s->cores;
    return r;
}

int yibu_start_cores_at(yibu_connection_handler *handler, void *arg, const char *host,
                        uint16_t port, const yibu_cores_options *options, yibu_cores **ret_cores,
                        const char *place)
{
    service s = {.handler = handler, .arg = arg, .options = options, .place = place};
    s.where = (place_to_listen){.host = host, .port = port};
    return start_for(&s, ret_cores);
}

int yibu_start_unix_cores_at(yibu_connection_handler *handler, void *arg, const char *path,
                             const yibu_cores_options *options, yibu_cores **ret_cores,
                             const char *place)
{
    service s = {.handler = handler, .arg = arg, .options = options, .place = place};
    s.where.path = path;
    return path ? start_for(&s, ret_cores) : -EINVAL;
}

/* Serving until a signal comes. */

/* The first signal stops, the second one aborts. */
static intptr_t heed_signals(void *arg)
{
    service *s = arg;
    int r = yibu_signal_source_next(s->signals, NULL);
    if (r > 0) {
        yibu_cores_stop(s->cores);
        r = yibu_signal_source_next(s->signals, NULL);
    }
    if (r > 0)
        yibu_cores_abort(s->cores);
    return r < 0 ? r : 0;
}

static void end_task(yibu_task *task)
{
    yibu_timeout shield;
    bool shielded = yibu_shield_begin(&shield, YIBU_FOREVER) == 0;
    (void)yibu_task_cancel(task);
    (void)yibu_await(task);
    if (shielded)
        yibu_shield_end(&shield);
    yibu_task_unref(task);
}

/* A cancel only brings the end about. */
static int start_and_wait(service *s)
{
    int r = start(s);
    if (r != 0)
        return r;
    r = yibu_cores_wait(s->cores);
    if (s->cores->running > 0)
        yibu_cores_stop(s->cores);
    wait_to_the_end(s->cores);
    return r;
}

static int serve_with_signals(service *s)
{
    yibu_task *heeding = yibu_create_task_at(heed_signals, s, NULL, s->place);
    if (!heeding)
        return -ENOMEM;
    int r = start_and_wait(s);
    end_task(heeding);
    yibu_cores_free(s->cores);
    return r;
}

static intptr_t serve(void *arg)
{
    static const int wanted[] = {SIGTERM, SIGINT};
    service *s = arg;
    int r = yibu_signal_source_new(wanted, 2, NULL, &s->signals);
    if (r < 0)
        return r;
    r = serve_with_signals(s);
    yibu_signal_source_free(s->signals);
    return r;
}

/* A thread that runs no loop runs one that waits. */
static int serve_in_task(service *s)
{
    int r = check_caller();
    if (r < 0)
        return r;
    if (yb_task_current)
        return (int)serve(s);
    if (yb_loop_current)
        return (int)yibu_run_until_complete(yb_loop_current, serve, s);
    return (int)yibu_run(serve, s, NULL);
}

int yibu_serve_cores_at(yibu_connection_handler *handler, void *arg, const char *host,
                        uint16_t port, const yibu_cores_options *options, const char *place)
{
    service s = {.handler = handler, .arg = arg, .options = options, .place = place};
    s.where = (place_to_listen){.host = host, .port = port};
    return serve_in_task(&s);
}

int yibu_serve_unix_cores_at(yibu_connection_handler *handler, void *arg, const char *path,
                             const yibu_cores_options *options, const char *place)
{
    service s = {.handler = handler, .arg = arg, .options = options, .place = place};
    s.where.path = path;
    return path ? serve_in_task(&s) : -EINVAL;
}

/* Asking. */

uint16_t yibu_cores_port(const yibu_cores *cores)
{
    return cores ? cores->port : 0;
}

unsigned yibu_cores_count(const yibu_cores *cores)
{
    return cores ? cores->count : 0;
}

yibu_core *yibu_cores_core(yibu_cores *cores, unsigned index)
{
    return cores && index < cores->count ? &cores->cores[index] : NULL;
}

yibu_cores *yibu_core_cores(const yibu_core *core)
{
    return core ? core->cores : NULL;
}

unsigned yibu_core_index(const yibu_core *core)
{
    return core->index;
}

void yibu_core_set_state(yibu_core *core, void *state)
{
    core->state = state;
}

void *yibu_core_state(const yibu_core *core)
{
    return core->state;
}
