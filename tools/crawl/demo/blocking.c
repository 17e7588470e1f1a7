/* The crawl as a program without an event loop does it: everything in line, on threads.
 *
 * The frontier and the totals are behind one lock, held for moments; fetching, parsing and
 * digesting happen outside it.  A thread keeps its connection, and what the digest needs, from page
 * to page.  A thread that finds no page to fetch sleeps until another has found some, or until
 * nobody works who could. */
#include "blocking.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "judge.h"
#include "memory.h"

struct shared {
    struct crawl *crawl;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned active;   /* threads that visit */
    unsigned sleeping; /* threads that wait for a page */
    int64_t longest_ns;
};

/* A thread's own. */
struct crawler {
    struct shared *shared;
    struct fetcher fetcher;
    struct digester digester;
    struct trace trace;
    int64_t thread;
};

static int64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* One sleeper for each page that waits. */
static void wake(struct shared *shared)
{
    size_t pages = shared->crawl->frontier.waiting;
    for (unsigned i = 0; i < shared->sleeping && i < pages; i++)
        pthread_cond_signal(&shared->changed);
}

static int fetch_traced(struct crawler *crawler, const char *url, struct response *response)
{
    int64_t start = now(CLOCK_MONOTONIC);
    int error = fetch(&crawler->fetcher, url, response);
    trace_add(&crawler->trace, TRACE_FETCH, crawler->thread, start, now(CLOCK_MONOTONIC));
    return error;
}

static void visit_robots(struct crawler *crawler, struct host *host)
{
    struct response response = {0};
    char *url = judge_robots_url(host);
    int error = url ? fetch_traced(crawler, url, &response) : -ENOMEM;
    free(url);
    pthread_mutex_lock(&crawler->shared->lock);
    if (error == 0)
        judge_robots(host, &response);
    frontier_fetched(host);
    response_free(&response);
}

static void publish(struct crawler *crawler, struct content *content, struct page *page)
{
    struct shared *shared = crawler->shared;
    pthread_mutex_lock(&shared->lock);
    while (content_publish(content, &shared->crawl->frontier, page))
        continue;
    wake(shared);
    pthread_mutex_unlock(&shared->lock);
}

static int work_on(struct crawler *crawler, struct content *content, struct page *page,
                   yibu_buffer *output)
{
    int error = content_parse(content);
    if (error < 0)
        return error;
    publish(crawler, content, page);
    return digest_compute(&crawler->digester,
                          (yibu_bytes){content->input.data, content->input.size}, output);
}

static void process(struct crawler *crawler, struct page *page, struct response *response)
{
    struct crawl *crawl = crawler->shared->crawl;
    struct content content = {.level = crawl->options->level};
    yibu_buffer output = {0};
    yibu_bytes frame = {0};
    int64_t start = now(CLOCK_MONOTONIC);
    content_take(&content, page->url, response);
    content.name = strdup(page->url);
    if (work_on(crawler, &content, page, &output) == 0 &&
        digest_unpack((yibu_bytes){output.data, output.size}, &page->digest, &frame) == 0)
        page->digested = true;
    trace_add(&crawler->trace, TRACE_WORK, crawler->thread, start, now(CLOCK_MONOTONIC));
    pthread_mutex_lock(&crawler->shared->lock);
    crawl->totals.compressed_bytes += frame.size;
    pthread_mutex_unlock(&crawler->shared->lock);
    yibu_buffer_free(&output);
    content_free(&content);
}

static bool judge(struct crawler *crawler, struct page *page, struct response *response)
{
    struct shared *shared = crawler->shared;
    struct crawl_totals *totals = &shared->crawl->totals;
    pthread_mutex_lock(&shared->lock);
    bool fine = judge_page(&shared->crawl->frontier, page, response);
    totals->fetched += response->error == 0;
    totals->bytes += response->body.size;
    frontier_fetched(page->host);
    wake(shared);
    pthread_mutex_unlock(&shared->lock);
    return fine;
}

/* Ends with the lock held. */
static void visit_page(struct crawler *crawler, struct page *page)
{
    struct shared *shared = crawler->shared;
    struct response response = {0};
    int error = fetch_traced(crawler, page->url, &response);
    int64_t start = now(CLOCK_THREAD_CPUTIME_ID);
    if (error == 0 && judge(crawler, page, &response))
        process(crawler, page, &response);
    response_free(&response);
    int64_t took = now(CLOCK_THREAD_CPUTIME_ID) - start;
    pthread_mutex_lock(&shared->lock);
    if (took > shared->longest_ns)
        shared->longest_ns = took;
}

/* With the lock held, before and after.  Returns false when nothing is left to do. */
static bool visit_next(struct crawler *crawler)
{
    struct shared *shared = crawler->shared;
    struct host *host = frontier_next_host(&shared->crawl->frontier);
    struct page *page = host ? NULL : frontier_next_page(&shared->crawl->frontier);
    if (!host && !page) {
        if (shared->active == 0)
            return false;
        shared->sleeping++;
        pthread_cond_wait(&shared->changed, &shared->lock);
        shared->sleeping--;
        return true;
    }
    if (page && !frontier_allows(page)) {
        frontier_fetched(page->host);
        return true;
    }
    shared->active++;
    pthread_mutex_unlock(&shared->lock);
    if (page)
        visit_page(crawler, page);
    else
        visit_robots(crawler, host);
    shared->active--;
    wake(shared);
    return true;
}

static void *run(void *arg)
{
    struct crawler crawler = {.shared = arg, .thread = gettid()};
    struct shared *shared = arg;
    crawler.fetcher.options = &shared->crawl->options->fetch;
    pthread_mutex_lock(&shared->lock);
    while (visit_next(&crawler))
        continue;
    pthread_cond_broadcast(&shared->changed);
    for (size_t i = 0; i < crawler.trace.count; i++) {
        const struct trace_span *span = &crawler.trace.spans[i];
        trace_add(shared->crawl->trace, span->kind, span->worker, span->start_ns, span->end_ns);
    }
    pthread_mutex_unlock(&shared->lock);
    trace_free(&crawler.trace);
    fetcher_free(&crawler.fetcher);
    digester_free(&crawler.digester);
    return NULL;
}

static int run_threads(struct shared *shared, unsigned count)
{
    pthread_t *threads = calloc(count, sizeof(*threads));
    unsigned started = 0;
    int error = threads ? 0 : -ENOMEM;
    while (error == 0 && started < count) {
        error = -pthread_create(&threads[started], NULL, run, shared);
        started += error == 0;
    }
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return error;
}

int blocking_crawl(struct crawl *crawl, const char *start, unsigned threads,
                   int64_t *ret_longest_ns)
{
    struct shared shared = {
        .crawl = crawl, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    int64_t start_ns = now(CLOCK_MONOTONIC);
    memory_keep();
    crawl->frontier.limits = crawl->options->limits;
    frontier_add_start(&crawl->frontier, start);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int error = run_threads(&shared, threads);
    crawl->totals.elapsed_ns = now(CLOCK_MONOTONIC) - start_ns;
    *ret_longest_ns = shared.longest_ns;
    return error;
}
