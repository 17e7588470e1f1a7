/* A crawl: pages fetched in coroutines, parsed in threads, digested in processes.
 *
 * One task a page, its visit.  What it finds goes to the frontier, which may let more visits start.
 * The first page of a server waits for a visit that reads its robots.txt.
 *
 * A visit is in crawl->visits from its start to its end, and counts as fetching and then as
 * working.  Limits bound both: --concurrency for the first, BACKLOG times that and HELD_BYTES for
 * the second, so that fast servers do not fill the memory with pages that wait for a processor.
 *
 * Only the loop's thread touches the crawl. */
#include "crawl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yibu/curl.h>

#include "memory.h"
#include "progress.h"
#include "visit.h"

#define BACKLOG 2
#define HELD_BYTES ((size_t)256 * 1024 * 1024)
#define CLEAN_UP_NS YIBU_SECONDS(10)
#define COMPUTING_STACK ((size_t)256 * 1024) /* for the parser and the compressor */

static void leave(struct visit *visit)
{
    *visit->link = visit->next;
    if (visit->next)
        visit->next->link = visit->link;
    yibu_task_unref(visit->task);
    free(visit);
}

static intptr_t run_visit(void *arg)
{
    struct visit *visit = arg;
    struct crawl *crawl = visit->crawl;
    if (visit->page)
        visit_page(visit);
    else
        visit_robots(visit);
    leave(visit);
    crawl_start_visits(crawl);
    if (!crawl->visits)
        yibu_event_set(&crawl->idle);
    return 0;
}

static void start_visit(struct crawl *crawl, struct host *host, struct page *page)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit) {
        *visit = (struct visit){.crawl = crawl, .page = page, .host = host};
        yibu_task_options options = {.size = sizeof(options)};
        options.stack_bytes = crawl->options->on_the_loop ? COMPUTING_STACK : 0;
        visit->task = yibu_create_task(run_visit, visit, &options);
    }
    if (!visit || !visit->task) {
        free(visit);
        frontier_fetched(host);
        crawl->frontier.no_memory = crawl->stopping = true;
        return;
    }
    crawl->fetching++;
    visit->next = crawl->visits;
    visit->link = &crawl->visits;
    if (visit->next)
        visit->next->link = &visit->next;
    crawl->visits = visit;
}

static bool may_start(const struct crawl *crawl)
{
    unsigned concurrency = crawl->options->concurrency;
    return !crawl->stopping && crawl->fetching < concurrency &&
           crawl->working < BACKLOG * concurrency && crawl->held_bytes < HELD_BYTES;
}

void crawl_start_visits(struct crawl *crawl)
{
    while (may_start(crawl)) {
        struct host *host = frontier_next_host(&crawl->frontier);
        struct page *page = host ? NULL : frontier_next_page(&crawl->frontier);
        if (!host && !page)
            return;
        start_visit(crawl, host ? host : page->host, page);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Ends the visits that run: what they have found so far stays. */
static void stop(struct crawl *crawl)
{
    yibu_timeout shield;
    crawl->stopping = true;
    crawl->totals.interrupted = true;
    for (struct visit *visit = crawl->visits; visit; visit = visit->next)
        yibu_task_cancel(visit->task);
    yibu_shield_begin(&shield, CLEAN_UP_NS);
    while (crawl->visits && yibu_event_wait(&crawl->idle) == 0)
        continue;
    yibu_shield_end(&shield);
}

static void cancel_main(void *task)
{
    yibu_task_cancel(task);
}

static void visit_everything(struct crawl *crawl)
{
    crawl_start_visits(crawl);
    if (crawl->visits && yibu_event_wait(&crawl->idle) < 0)
        stop(crawl);
}

static intptr_t run_crawl(void *arg)
{
    struct crawl *crawl = arg;
    yibu_loop *loop = yibu_get_running_loop();
    yibu_task *progress =
        crawl->options->progress ? yibu_create_task(progress_run, crawl, NULL) : NULL;
    yibu_add_signal_handler(loop, SIGTERM, cancel_main, yibu_current_task());
    curl_multi_setopt(yibu_curl_multi(), CURLMOPT_MAXCONNECTS, (long)crawl->options->concurrency);
    int64_t start_ns = yibu_loop_time(loop);
    visit_everything(crawl);
    crawl->totals.elapsed_ns = yibu_loop_time(loop) - start_ns;
    yibu_remove_signal_handler(loop, SIGTERM);
    if (progress)
        yibu_task_cancel(progress);
    yibu_task_unref(progress);
    return 0;
}

int crawl_run(struct crawl *crawl, const struct string_list *starts,
              const yibu_loop_options *loop_options)
{
    memory_keep();
    crawl->frontier.limits = crawl->options->limits;
    crawl->fetcher.options = &crawl->options->fetch;
    crawl->writing = (yibu_semaphore)YIBU_SEMAPHORE_INIT(1);
    for (size_t i = 0; i < starts->count; i++)
        frontier_add_start(&crawl->frontier, starts->items[i]);
    intptr_t result = yibu_run(run_crawl, crawl, loop_options);
    yibu_curl_cleanup();
    return (int)result;
}

void crawl_free(struct crawl *crawl)
{
    fetcher_free(&crawl->fetcher);
    frontier_free(&crawl->frontier);
    digester_free(&crawl->digester);
}
