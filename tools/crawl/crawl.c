/* A crawl: pages fetched in coroutines, parsed in threads, digested in processes.
 *
 * One task a page, its visit: fetch (libcurl on the loop), content_parse (thread pool),
 * digest_compute (process pool), and then what was found goes to the frontier, which may let more
 * visits start.  The first page of a server waits for a visit that reads its robots.txt.
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

#include "content.h"
#include "memory.h"
#include "progress.h"
#include "url.h"

#define BACKLOG 2
#define HELD_BYTES ((size_t)256 * 1024 * 1024)
#define CLEAN_UP_NS YIBU_SECONDS(10)

struct visit {
    struct crawl *crawl;
    struct page *page; /* NULL: the visit reads host's robots.txt */
    struct host *host;
    yibu_task *task;
    struct visit *next;
    struct visit **link; /* what points to it */
};

static void start_visits(struct crawl *crawl);

/* --- robots.txt ------------------------------------------------------------------------------- */

char *crawl_robots_url(const struct host *host)
{
    char *url;
    return asprintf(&url, "%s/robots.txt", host->origin) < 0 ? NULL : url;
}

static char *describe_failure(const struct response *response)
{
    char *text = NULL;
    int length = response->error < 0 ? asprintf(&text, "%s", response->reason)
                                     : asprintf(&text, "robots.txt answered %d", response->status);
    return length < 0 ? NULL : text;
}

/* RFC 9309, section 2.3.1: what cannot be had for now forbids everything, what is not there
 * nothing. */
void crawl_learn_robots(struct host *host, struct response *response)
{
    host->robots_state = ROBOTS_KNOWN;
    if (response->error < 0 || response->status >= 500) {
        host->unreachable = response->error < 0;
        host->robots_failure = describe_failure(response);
    } else if (response->status == 200) {
        host->robots = robots_parse(response->body.data, response->body.size, CRAWL_TOKEN);
    }
}

static bool is_redirect(const struct response *response)
{
    return response->status >= 300 && response->status < 400 && response->location;
}

/* Follows up to five redirects, as RFC 9309 asks for. */
static int fetch_robots(struct crawl *crawl, const struct host *host, struct response *response)
{
    char *url = crawl_robots_url(host);
    int error = url ? fetch(&crawl->fetcher, url, response) : -ENOMEM;
    for (int hops = 0; error == 0 && hops < 5 && is_redirect(response); hops++) {
        free(url);
        url = response->location;
        response->location = NULL;
        response_free(response);
        error = fetch(&crawl->fetcher, url, response);
    }
    free(url);
    return error;
}

static void visit_robots(struct visit *visit)
{
    struct response response = {0};
    int error = fetch_robots(visit->crawl, visit->host, &response);
    if (error == 0)
        crawl_learn_robots(visit->host, &response);
    visit->crawl->frontier.no_memory |= error == -ENOMEM;
    response_free(&response);
    visit->crawl->fetching--;
    frontier_fetched(visit->host);
}

/* --- pages ------------------------------------------------------------------------------------ */

static void follow(struct frontier *frontier, struct page *page, const char *location)
{
    char *url = NULL;
    url_verdict verdict = url_resolve(NULL, location, strlen(location), &url);
    if (verdict == URL_FINE)
        frontier_add_redirect(frontier, page, url);
    else if (verdict == URL_FOREIGN)
        page_end(page, PAGE_REDIRECT, "to %s", location);
    else
        page_end(page, PAGE_BROKEN, "redirects to '%s', which is not a URL", location);
    free(url);
}

bool crawl_judge(struct frontier *frontier, struct page *page, struct response *response)
{
    page->status = response->status;
    page->size = response->body.size;
    page->elapsed_ns = response->elapsed_ns;
    page->type = response->type ? strdup(response->type) : NULL;
    if (response->error < 0)
        page_end(page, PAGE_BROKEN, "%s", response->reason);
    else if (is_redirect(response))
        follow(frontier, page, response->location);
    else if (response->status >= 400)
        page_end(page, PAGE_BROKEN, NULL);
    else if (response->too_large)
        page_end(page, PAGE_TOO_LARGE, NULL);
    else
        page_end(page, PAGE_FINE, NULL);
    return page->outcome == PAGE_FINE;
}

static intptr_t parse(void *content)
{
    return content_parse(content);
}

static intptr_t digest_on_the_loop(struct crawl *crawl, const struct content *content,
                                   yibu_buffer *output)
{
    yibu_bytes input = {content->input.data, content->input.size};
    return digest_compute(&crawl->digester, input, output);
}

static intptr_t digest_elsewhere(const struct content *content, yibu_buffer *output)
{
    return digest_in_process((yibu_bytes){content->input.data, content->input.size}, output);
}

/* Writes what the archive has gathered, in a thread, after whoever writes already. */
struct piece {
    struct archive_file *archive;
    yibu_buffer bytes;
    uint64_t entries;
    bool written;
};

static intptr_t write_piece(void *arg)
{
    struct piece *piece = arg;
    archive_write(piece->archive, piece->bytes, piece->entries);
    piece->written = true;
    return 0;
}

static void write_archive(struct crawl *crawl)
{
    struct piece piece = {.archive = crawl->archive};
    if (yibu_semaphore_acquire(&crawl->writing) < 0)
        return;
    piece.bytes = archive_take(crawl->archive, &piece.entries);
    yibu_to_thread(write_piece, &piece);
    if (!piece.written)
        write_piece(&piece); /* no thread would: rather a short stall than a hole */
    yibu_semaphore_release(&crawl->writing);
}

static void archive_digest(struct crawl *crawl, const yibu_buffer *output, struct page *page)
{
    yibu_bytes frame;
    if (digest_unpack((yibu_bytes){output->data, output->size}, &page->digest, &frame) < 0)
        return;
    page->digested = true;
    crawl->totals.compressed_bytes += frame.size;
    if (crawl->archive && frame.size > 0 && archive_add(crawl->archive, frame, page->size))
        write_archive(crawl);
}

static void note_work(struct crawl *crawl, const struct content *content, const struct page *page)
{
    const struct digest_result *digest = &page->digest;
    if (crawl->options->on_the_loop)
        return; /* its turns tell */
    trace_add(crawl->trace, TRACE_WORK, content->thread, content->start_ns, content->end_ns);
    trace_add(crawl->trace, TRACE_PROCESS, digest->worker, digest->start_ns, digest->end_ns);
}

static intptr_t work_on(struct crawl *crawl, struct content *content, struct page *page)
{
    bool on_the_loop = crawl->options->on_the_loop;
    yibu_buffer output = {0};
    intptr_t result = on_the_loop ? content_parse(content) : yibu_to_thread(parse, content);
    if (result == 0) {
        content_publish(content, &crawl->frontier, page);
        start_visits(crawl);
        result = on_the_loop ? digest_on_the_loop(crawl, content, &output)
                             : digest_elsewhere(content, &output);
    }
    if (result == 0) {
        archive_digest(crawl, &output, page);
        note_work(crawl, content, page);
    }
    yibu_buffer_free(&output);
    return result;
}

/* The name is chosen here, where all names are known; without it nothing is compressed. */
static void choose_name(struct crawl *crawl, struct content *content)
{
    content->level = crawl->options->level;
    if (crawl->archive && crawl->archive->error == 0)
        content->name = archive_name(crawl->archive, content->url);
    else if (!crawl->archive && content->level > 0)
        content->name = strdup(content->url);
}

static void process(struct visit *visit, struct response *response)
{
    struct crawl *crawl = visit->crawl;
    struct content content = {0};
    content_take(&content, visit->page->url, response);
    choose_name(crawl, &content);
    size_t size = content.body.size;
    crawl->working++;
    crawl->held_bytes += size;
    intptr_t result = work_on(crawl, &content, visit->page);
    if (yibu_failed(result) && result != -ECANCELED)
        page_end(visit->page, PAGE_FINE, "not examined: %s", yibu_strerror(result));
    crawl->held_bytes -= size;
    crawl->working--;
    content_free(&content);
}

static void visit_page(struct visit *visit)
{
    struct crawl *crawl = visit->crawl;
    struct page *page = visit->page;
    struct response response = {0};
    int error = 0;
    bool fine = frontier_allows(page);
    if (fine)
        error = fetch(&crawl->fetcher, page->url, &response);
    crawl->fetching--;
    frontier_fetched(page->host);
    if (fine && error == 0) {
        fine = crawl_judge(&crawl->frontier, page, &response);
        crawl->totals.fetched += response.error == 0;
        crawl->totals.bytes += response.body.size;
        start_visits(crawl);
        if (fine)
            process(visit, &response);
    } else if (error < 0 && error != -ECANCELED) {
        page_end(page, PAGE_BROKEN, "%s", yibu_curl_strerror(error));
    }
    response_free(&response);
}

/* --- visits ----------------------------------------------------------------------------------- */

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
    start_visits(crawl);
    if (!crawl->visits)
        yibu_event_set(&crawl->idle);
    return 0;
}

static void start_visit(struct crawl *crawl, struct host *host, struct page *page)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit) {
        *visit = (struct visit){.crawl = crawl, .page = page, .host = host};
        visit->task = yibu_create_task(run_visit, visit, NULL);
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

static void start_visits(struct crawl *crawl)
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
    start_visits(crawl);
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
