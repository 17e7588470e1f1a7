/* The ways of doing the same work, each in a process of its own. */
#include "way.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "blocking.h"
#include "judge.h"
#include "report.h"
#include "url.h"

#define PROCESS_NICE 10
#define MERGE_NS 100000 /* turns so close together are one span */

const char *const way_names[WAYS] = {"one-by-one", "threads", "coroutines", "right-worker"};

struct state {
    struct crawl crawl;
    struct trace trace;
    int64_t start_ns;
    int64_t stall_ns;    /* the most CPU time between two waits */
    const char *backend; /* NULL: no loop */
};

/* --- doing it --------------------------------------------------------------------------------- */

static void note_turn(const yibu_turn *turn, void *arg)
{
    struct state *state = arg;
    struct trace *trace = &state->trace;
    if (!state->backend)
        state->backend = yibu_loop_backend(yibu_get_running_loop());
    if (turn->cpu_ns > state->stall_ns)
        state->stall_ns = turn->cpu_ns;
    for (size_t i = trace->count; i > 0 && i + 8 > trace->count; i--) {
        struct trace_span *last = &trace->spans[i - 1];
        if (last->kind != TRACE_LOOP)
            continue;
        if (turn->start_ns - last->end_ns > MERGE_NS)
            break;
        last->end_ns = turn->end_ns;
        return;
    }
    trace_add(trace, TRACE_LOOP, 0, turn->start_ns, turn->end_ns);
}

static int run_loop(struct state *state, const struct string_list *starts)
{
    yibu_loop_options options = {.size = sizeof(options),
                                 .process_nice = PROCESS_NICE,
                                 .on_turn = note_turn,
                                 .on_turn_arg = state};
    return crawl_run(&state->crawl, starts, &options);
}

static int run(way_kind way, struct state *state, const struct way_settings *settings)
{
    const char *start = settings->starts.items[0];
    switch (way) {
    case WAY_ONE_BY_ONE:
        return blocking_crawl(&state->crawl, start, 1, &state->stall_ns);
    case WAY_THREADS:
        return blocking_crawl(&state->crawl, start, settings->concurrency, &state->stall_ns);
    default:
        return run_loop(state, &settings->starts);
    }
}

/* --- telling ---------------------------------------------------------------------------------- */

/* Paths alone: each run's server has a port of its own. */
static json_t *paths(const struct page_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(url_path(list->pages[i]->url)));
    return array;
}

static json_t *groups(const struct page_group *group, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, paths(&group[i].pages));
    return array;
}

static json_t *findings(const struct report *report)
{
    return json_pack("{so so so so}", "broken", paths(&report->by_outcome[PAGE_BROKEN]),
                     "duplicates", groups(report->groups, report->exact_count), "near_duplicates",
                     groups(report_near_groups(report), report->group_count - report->exact_count),
                     "forbidden", paths(&report->by_outcome[PAGE_FORBIDDEN]));
}

static json_t *spans(const struct trace *trace)
{
    json_t *array = json_array();
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_span *span = &trace->spans[i];
        json_array_append_new(array, json_integer(span->kind));
        json_array_append_new(array, json_integer(span->worker));
        json_array_append_new(array, json_integer(span->start_ns));
        json_array_append_new(array, json_integer(span->end_ns));
    }
    return array;
}

static json_t *report_text(const struct report *report)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return NULL;
    report_print(report, file);
    fclose(file);
    json_t *string = json_string(text);
    free(text);
    return string;
}

static json_t *describe(const struct state *state, const struct report *report)
{
    const struct crawl_totals *totals = &state->crawl.totals;
    const struct frontier *frontier = &state->crawl.frontier;
    size_t visited = frontier->count - report->by_outcome[PAGE_WAITING].count;
    return json_pack("{sI sI sf sI sf ss* so so* so sb}", "pages", (json_int_t)visited, "bytes",
                     (json_int_t)totals->bytes, "elapsed_s", (double)totals->elapsed_ns / 1e9,
                     "start_ns", (json_int_t)state->start_ns, "stall_ms",
                     (double)state->stall_ns / 1e6, "backend", state->backend, "findings",
                     findings(report), "report", report_text(report), "spans", spans(&state->trace),
                     "interrupted", (int)totals->interrupted);
}

static int tell(struct state *state)
{
    struct report report;
    int error = report_make(&report, &state->crawl, YIBU_SECONDS(1));
    if (error < 0)
        return error;
    json_t *object = describe(state, &report);
    error = object && json_dumpf(object, stdout, JSON_COMPACT) == 0 && fflush(stdout) == 0
                ? 0
                : -ENOMEM;
    json_decref(object);
    report_free(&report);
    return error;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct crawl_options make_options(way_kind way, const struct way_settings *settings)
{
    bool loop = way == WAY_COROUTINES || way == WAY_RIGHT_WORKER;
    return (struct crawl_options){
        .fetch = {.transport = loop ? &fetch_in_task : &fetch_in_thread,
                  .user_agent = JUDGE_TOKEN "-demo",
                  .direct = settings->direct,
                  .timeout_ns = YIBU_SECONDS(30),
                  .retries = 2,
                  .max_body = (size_t)16 * 1024 * 1024},
        .limits = {.depth = ~0u,
                   .max_pages = 10000,
                   .per_host = settings->direct ? settings->concurrency : 8,
                   .redirects = 10},
        .concurrency = settings->concurrency,
        .level = settings->level,
        .on_the_loop = way == WAY_COROUTINES,
    };
}

int way_main(way_kind way, const struct way_settings *settings)
{
    struct crawl_options options = make_options(way, settings);
    struct state state = {.start_ns = monotonic_now()};
    state.crawl.options = &options;
    state.crawl.trace = &state.trace;
    signal(SIGPIPE, SIG_IGN);
    int error = run(way, &state, settings);
    if (error == 0)
        error = tell(&state);
    crawl_free(&state.crawl);
    trace_free(&state.trace);
    if (error == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "yibu-demo: %s: %s\n", way_names[way], yibu_strerror(error));
    return EXIT_FAILURE;
}
