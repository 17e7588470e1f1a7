/* The site that the demonstration crawls: a source tree as linked HTML pages, in memory.
 *
 * Files are found first, then each gets its page, then each folder on the way to one.  What a
 * crawler shall find is added last: links that lead nowhere, redirects, copies. */
#include "site.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE_BYTES ((size_t)256 * 1024)

/* --- text ------------------------------------------------------------------------------------- */

static int add_text(yibu_buffer *page, const char *text)
{
    return yibu_buffer_append(page, text, strlen(text));
}

static int add_escaped(yibu_buffer *page, const char *text, size_t size)
{
    int error = 0;
    for (size_t i = 0; i < size && error == 0; i++) {
        switch (text[i]) {
        case '<':
            error = add_text(page, "&lt;");
            break;
        case '>':
            error = add_text(page, "&gt;");
            break;
        case '&':
            error = add_text(page, "&amp;");
            break;
        case '"':
            error = add_text(page, "&quot;");
            break;
        default:
            error = yibu_buffer_append(page, text + i, 1);
        }
    }
    return error;
}

static int add_link(yibu_buffer *page, const char *path, const char *name)
{
    int error = add_text(page, "<a href=\"");
    if (error == 0)
        error = add_escaped(page, path, strlen(path));
    if (error == 0)
        error = add_text(page, "\">");
    if (error == 0)
        error = add_escaped(page, name, strlen(name));
    return error < 0 ? error : add_text(page, "</a>\n");
}

static int add_head(yibu_buffer *page, const char *title)
{
    int error = add_text(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                               "<title>");
    if (error == 0)
        error = add_escaped(page, title, strlen(title));
    if (error == 0)
        error = add_text(page, "</title></head>\n<body><nav>");
    return error < 0 ? error : add_link(page, "/", "all files");
}

/* --- answers ---------------------------------------------------------------------------------- */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct answer *)a)->path, ((const struct answer *)b)->path);
}

static struct answer *lookup(const struct site *site, const char *path)
{
    struct answer wanted = {.path = path};
    struct answer *const *found = tfind(&wanted, &site->by_path, compare_paths);
    return found ? *found : NULL;
}

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 301:
        return "Moved Permanently";
    case 410:
        return "Gone";
    case 500:
        return "Internal Server Error";
    default:
        return "Not Found";
    }
}

static int write_message(struct answer *answer, const char *type, yibu_bytes body)
{
    char head[512];
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                          "%s%s%s\r\n",
                          answer->status, phrase(answer->status), type, body.size,
                          answer->moved_to ? "Location: " : "",
                          answer->moved_to ? answer->moved_to : "", answer->moved_to ? "\r\n" : "");
    int error = yibu_buffer_append(&answer->message, head, (size_t)length);
    answer->body_offset = (size_t)length;
    return error < 0 ? error : yibu_buffer_append(&answer->message, body.data, body.size);
}

static struct answer *add_answer(struct site *site, const char *path)
{
    if (site->count == site->capacity) {
        size_t capacity = site->capacity ? 2 * site->capacity : 64;
        struct answer **answers = reallocarray(site->answers, capacity, sizeof(*answers));
        if (!answers)
            return NULL;
        site->answers = answers;
        site->capacity = capacity;
    }
    struct answer *answer = calloc(1, sizeof(*answer) + strlen(path) + 1);
    if (!answer)
        return NULL;
    strcpy(answer->storage, path);
    answer->path = answer->storage;
    if (!tsearch(answer, &site->by_path, compare_paths)) {
        free(answer);
        return NULL;
    }
    return site->answers[site->count++] = answer;
}

/* Takes the body over. */
static int add_page(struct site *site, const char *path, yibu_buffer *body, bool is_file)
{
    struct answer *answer = add_answer(site, path);
    int error = -ENOMEM;
    if (answer) {
        answer->status = 200;
        answer->is_file = is_file;
        error =
            write_message(answer, "text/html; charset=utf-8", (yibu_bytes){body->data, body->size});
    }
    yibu_buffer_free(body);
    return error;
}

/* --- files ------------------------------------------------------------------------------------ */

static int read_file(const char *name, yibu_buffer *text)
{
    FILE *file = fopen(name, "re");
    if (!file)
        return -errno;
    int error = yibu_buffer_reserve(text, MAX_FILE_BYTES);
    if (error == 0)
        text->size = fread(text->data, 1, MAX_FILE_BYTES, file);
    fclose(file);
    return error;
}

static bool is_text(const yibu_buffer *content)
{
    return content->size > 0 && !memchr(content->data, 0, content->size);
}

/* What a word of a program looks like, as code browsers mark it. */
static const char *word_class(char first)
{
    return isdigit((unsigned char)first)   ? "number"
           : isupper((unsigned char)first) ? "type"
                                           : "name";
}

static bool is_word(char letter)
{
    return isalnum((unsigned char)letter) || letter == '_';
}

static int add_word(yibu_buffer *page, const char *word, size_t length)
{
    int error = add_text(page, "<span class=\"");
    if (error == 0)
        error = add_text(page, word_class(*word));
    if (error == 0)
        error = add_text(page, "\">");
    if (error == 0)
        error = yibu_buffer_append(page, word, length);
    return error < 0 ? error : add_text(page, "</span>");
}

static int add_line(yibu_buffer *page, const char *text, size_t size)
{
    int error = 0;
    while (size > 0 && error == 0) {
        bool word = is_word(*text);
        size_t length = 1;
        while (length < size && is_word(text[length]) == word)
            length++;
        error = word ? add_word(page, text, length) : add_escaped(page, text, length);
        text += length;
        size -= length;
    }
    return error;
}

/* Every line is a place that others can link to. */
static int add_lines(yibu_buffer *page, const char *text, size_t size)
{
    int error = add_text(page, "<pre>\n");
    for (unsigned number = 1; size > 0 && error == 0; number++) {
        char anchor[128];
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;
        snprintf(anchor, sizeof(anchor), "<a id=\"line-%u\" href=\"#line-%u\">%u</a> ", number,
                 number, number);
        error = add_text(page, anchor);
        if (error == 0)
            error = add_line(page, text, length);
        if (error == 0)
            error = add_text(page, "\n");
        length += end != NULL;
        text += length;
        size -= length;
    }
    return error < 0 ? error : add_text(page, "</pre>\n");
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strndup(path, (size_t)(slash - path) + 1);
}

static int make_file_page(const char *path, const yibu_buffer *content, yibu_buffer *page)
{
    char *folder = folder_of(path);
    int error = folder ? add_head(page, path) : -ENOMEM;
    if (error == 0)
        error = add_link(page, folder, folder);
    if (error == 0)
        error = add_text(page, "</nav>\n<h1>");
    if (error == 0)
        error = add_escaped(page, path, strlen(path));
    if (error == 0)
        error = add_text(page, "</h1>\n");
    if (error == 0)
        error = add_lines(page, content->data, content->size);
    free(folder);
    return error < 0 ? error : add_text(page, "</body></html>\n");
}

static int add_file(struct site *site, const char *path, const char *name)
{
    yibu_buffer content = {0};
    yibu_buffer page = {0};
    int error = read_file(name, &content);
    if (error == 0 && is_text(&content)) {
        error = make_file_page(path, &content, &page);
        if (error == 0)
            error = add_page(site, path, &page, true);
    }
    yibu_buffer_free(&page);
    yibu_buffer_free(&content);
    return error == -ENOMEM ? error : 0; /* a file that cannot be read has no page */
}

/* Folders that hold what was built, and what is hidden. */
static bool is_left_out(const FTSENT *entry)
{
    char cache[4096];
    if (entry->fts_level > 0 && entry->fts_name[0] == '.')
        return true;
    if (entry->fts_info != FTS_D || entry->fts_level == 0)
        return false;
    snprintf(cache, sizeof(cache), "%s/CMakeCache.txt", entry->fts_path);
    return strcmp(entry->fts_name, "build") == 0 || access(cache, F_OK) == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_files(struct site *site, const char *tree, size_t max_files)
{
    char *root = strdup(tree);
    char *const roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
    int error = walk ? 0 : -ENOMEM;
    FTSENT *entry;
    while (error == 0 && site->count < max_files && (entry = fts_read(walk))) {
        if (is_left_out(entry))
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F)
            error = add_file(site, entry->fts_path + strlen(tree), entry->fts_path);
    }
    if (walk)
        fts_close(walk);
    free(root);
    return error < 0 ? error : site->count > 0 ? 0 : -ENOENT;
}

/* --- folders ---------------------------------------------------------------------------------- */

/* The entry of a folder that a path lies in or below: its first step from there. */
static size_t entry_length(const char *folder, const char *path)
{
    size_t length = strlen(folder);
    if (strncmp(folder, path, length) != 0 || !path[length])
        return 0;
    size_t name = strcspn(path + length, "/");
    return length + name + (path[length + name] == '/');
}

static int add_entries(const struct site *site, size_t files, const char *folder, yibu_buffer *page)
{
    char last[4096] = "";
    int error = 0;
    for (size_t i = 0; i < files && error == 0; i++) {
        char path[4096];
        size_t length = entry_length(folder, site->answers[i]->path);
        if (length == 0 || length >= sizeof(path))
            continue;
        memcpy(path, site->answers[i]->path, length);
        path[length] = '\0';
        if (strcmp(path, last) == 0)
            continue;
        strcpy(last, path);
        error = add_text(page, "<li>");
        if (error == 0)
            error = add_link(page, path, path + strlen(folder));
    }
    return error;
}

/* Every file of the tree, so that none is further than a step away. */
static int add_overview(const struct site *site, size_t files, yibu_buffer *page)
{
    int error = add_text(page, "</ul>\n<h2>All files</h2>\n<ul>\n");
    for (size_t i = 0; i < files && error == 0; i++) {
        error = add_text(page, "<li>");
        if (error == 0)
            error = add_link(page, site->answers[i]->path, site->answers[i]->path + 1);
    }
    return error;
}

/* What a crawler shall find on the way. */
static int add_curiosities(yibu_buffer *page)
{
    return add_text(page, "</ul>\n<h2>Elsewhere</h2>\n<ul>\n"
                          "<li><a href=\"/latest\">moved, and found</a>\n"
                          "<li><a href=\"/copies/1\">a copy</a> <a href=\"/copies/2\">another</a>\n"
                          "<li><a href=\"/copies/nearly\">nearly a copy</a>\n"
                          "<li><a href=\"/no-such-page\">never written</a>\n"
                          "<li><a href=\"/withdrawn\">withdrawn</a>\n"
                          "<li><a href=\"/failing\">failing</a>\n"
                          "<li><a href=\"/round\">moved in a circle</a>\n"
                          "<li><a href=\"http://\">mistyped</a>\n"
                          "<li><a href=\"/private/notes\">not for crawlers</a>\n");
}

static int add_folder(struct site *site, size_t files, const char *folder)
{
    yibu_buffer page = {0};
    int error = add_head(&page, folder);
    if (error == 0)
        error = add_text(&page, "</nav>\n<ul>\n");
    if (error == 0)
        error = add_entries(site, files, folder, &page);
    if (error == 0 && strcmp(folder, "/") == 0)
        error = add_curiosities(&page);
    if (error == 0 && strcmp(folder, "/") == 0)
        error = add_overview(site, files, &page);
    if (error == 0)
        error = add_text(&page, "</ul></body></html>\n");
    if (error == 0)
        error = add_page(site, folder, &page, false);
    yibu_buffer_free(&page);
    return error;
}

static int add_folders(struct site *site)
{
    size_t files = site->count;
    int error = 0;
    for (size_t i = 0; i < files && error == 0; i++) {
        const char *path = site->answers[i]->path;
        for (const char *slash = path; slash && error == 0; slash = strchr(slash + 1, '/')) {
            char *folder = strndup(path, (size_t)(slash - path) + 1);
            if (!folder)
                return -ENOMEM;
            if (!lookup(site, folder))
                error = add_folder(site, files, folder);
            free(folder);
        }
    }
    return error;
}

/* --- curiosities ------------------------------------------------------------------------------ */

static int add_redirect(struct site *site, const char *path, const char *target)
{
    struct answer *answer = add_answer(site, path);
    if (!answer)
        return -ENOMEM;
    answer->status = 301;
    answer->moved_to = target;
    return write_message(answer, "text/plain", (yibu_bytes){"", 0});
}

static int add_failure(struct site *site, const char *path, int status)
{
    struct answer *answer = add_answer(site, path);
    if (!answer)
        return -ENOMEM;
    answer->status = status;
    return write_message(answer, "text/plain",
                         (yibu_bytes){phrase(status), strlen(phrase(status))});
}

static yibu_bytes body_of(const struct answer *answer)
{
    return (yibu_bytes){(const char *)answer->message.data + answer->body_offset,
                        answer->message.size - answer->body_offset};
}

/* A file's page that is long enough to be compared. */
static const struct answer *pick_original(const struct site *site)
{
    const struct answer *best = site->answers[0];
    for (size_t i = 0; i < site->count; i++)
        if (site->answers[i]->is_file && site->answers[i]->message.size > best->message.size &&
            site->answers[i]->message.size < 32768)
            best = site->answers[i];
    return best;
}

static int add_copy(struct site *site, const char *path, const struct answer *original,
                    const char *ending)
{
    yibu_buffer page = {0};
    yibu_bytes body = body_of(original);
    int error = yibu_buffer_append(&page, body.data, body.size);
    if (error == 0)
        error = add_text(&page, ending);
    if (error == 0)
        return add_page(site, path, &page, false);
    yibu_buffer_free(&page);
    return error;
}

static int add_robots(struct site *site)
{
    static const char rules[] = "User-agent: *\nDisallow: /private/\n";
    struct answer *answer = add_answer(site, "/robots.txt");
    if (!answer)
        return -ENOMEM;
    answer->status = 200;
    return write_message(answer, "text/plain", (yibu_bytes){rules, sizeof(rules) - 1});
}

static int add_copies(struct site *site)
{
    const struct answer *original = pick_original(site);
    int error = add_copy(site, "/copies/1", original, "");
    if (error == 0)
        error = add_copy(site, "/copies/2", original, "");
    if (error == 0)
        error = add_copy(site, "/copies/nearly", original, "<p>As of today.</p>\n");
    return error;
}

static int add_unusual(struct site *site)
{
    int error = add_redirect(site, "/latest", "/");
    if (error == 0)
        error = add_redirect(site, "/round", "/and-round");
    if (error == 0)
        error = add_redirect(site, "/and-round", "/round");
    if (error == 0)
        error = add_failure(site, "/withdrawn", 410);
    if (error == 0)
        error = add_failure(site, "/failing", 500);
    if (error == 0)
        error = add_failure(site, "", 404); /* what every other path gets */
    return error;
}

/* --- the whole -------------------------------------------------------------------------------- */

int site_build(struct site *site, const char *tree, size_t max_files)
{
    *site = (struct site){0};
    int error = add_files(site, tree, max_files);
    if (error == 0)
        error = add_folders(site);
    if (error == 0)
        error = add_robots(site);
    if (error == 0)
        error = add_copies(site);
    if (error == 0)
        error = add_unusual(site);
    if (error < 0)
        site_free(site);
    return error;
}

const struct answer *site_find(const struct site *site, const char *path)
{
    const struct answer *found = lookup(site, path);
    return found ? found : lookup(site, "");
}

static void keep(void *node)
{
    (void)node;
}

void site_free(struct site *site)
{
    tdestroy(site->by_path, keep);
    for (size_t i = 0; i < site->count; i++) {
        yibu_buffer_free(&site->answers[i]->message);
        free(site->answers[i]);
    }
    free(site->answers);
    *site = (struct site){0};
}
