/* What happens to one page, from its fetch to its digest.
 *
 * fetch (libcurl on the loop), content_parse (thread pool), digest_compute (process pool); in
 * between, what was found goes to the frontier.  A visit counts as fetching, then as working. */
#include "visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yibu/curl.h>

#include "content.h"
#include "judge.h"

/* --- robots.txt ------------------------------------------------------------------------------- */

/* Follows up to five redirects, as RFC 9309 asks for. */
static int fetch_robots(struct crawl *crawl, const struct host *host, struct response *response)
{
    char *url = judge_robots_url(host);
    int error = url ? fetch(&crawl->fetcher, url, response) : -ENOMEM;
    for (int hops = 0; error == 0 && hops < 5 && judge_is_redirect(response); hops++) {
        free(url);
        url = response->location;
        response->location = NULL;
        response_free(response);
        error = fetch(&crawl->fetcher, url, response);
    }
    free(url);
    return error;
}

void visit_robots(struct visit *visit)
{
    struct response response = {0};
    int error = fetch_robots(visit->crawl, visit->host, &response);
    if (error == 0)
        judge_robots(visit->host, &response);
    visit->crawl->frontier.no_memory |= error == -ENOMEM;
    response_free(&response);
    visit->crawl->fetching--;
    frontier_fetched(visit->host);
}

/* --- pages ------------------------------------------------------------------------------------ */

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
        while (content_publish(content, &crawl->frontier, page) && yibu_sleep(0) == 0)
            continue;
        crawl_start_visits(crawl);
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

void visit_page(struct visit *visit)
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
        fine = judge_page(&crawl->frontier, page, &response);
        crawl->totals.fetched += response.error == 0;
        crawl->totals.bytes += response.body.size;
        crawl_start_visits(crawl);
        if (fine)
            process(visit, &response);
    } else if (error < 0 && error != -ECANCELED) {
        page_end(page, PAGE_BROKEN, "%s", yibu_curl_strerror(error));
    }
    response_free(&response);
}
