/* The site that the demonstration crawls: a source tree as linked HTML pages, in memory.
 *
 * Files are found first, then each folder on the way to one gets its page, then comes what a
 * crawler shall find besides. */
#include "site.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "curiosities.h"
#include "tree.h"

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct answer *)a)->path, ((const struct answer *)b)->path);
}

const struct answer *site_find(const struct site *site, const char *path)
{
    struct answer wanted = {.path = path};
    struct answer *const *found = tfind(&wanted, &site->by_path, compare_paths);
    return found ? *found : NULL;
}

yibu_bytes site_body(const struct answer *answer)
{
    return (yibu_bytes){answer->message + answer->head_size, answer->size - answer->head_size};
}

/* --- answers ---------------------------------------------------------------------------------- */

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

static bool write_message(struct answer *answer, const char *location, const char *type,
                          yibu_bytes body)
{
    FILE *message = open_memstream(&answer->message, &answer->size);
    if (!message)
        return false;
    fprintf(message, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
            answer->status, phrase(answer->status), type, body.size);
    if (location)
        fprintf(message, "Location: %s\r\n", location);
    fputs("\r\n", message);
    fwrite(body.data, 1, body.size, message);
    bool written = fclose(message) == 0;
    answer->head_size = answer->size - body.size;
    return written;
}

static bool make_room(struct site *site)
{
    if (site->count < site->capacity)
        return true;
    size_t capacity = site->capacity ? 2 * site->capacity : 64;
    struct answer **answers = reallocarray(site->answers, capacity, sizeof(*answers));
    if (!answers)
        return false;
    site->answers = answers;
    site->capacity = capacity;
    return true;
}

static void free_answer(struct answer *answer)
{
    free(answer->message);
    free(answer);
}

struct answer *site_add(struct site *site, const char *path, int status, const char *location,
                        const char *type, yibu_bytes body)
{
    struct answer *answer = calloc(1, sizeof(*answer) + strlen(path) + 1);
    if (!answer)
        return NULL;
    answer->path = memcpy(answer->storage, path, strlen(path) + 1);
    answer->status = status;
    if (!write_message(answer, location, type, body) || !make_room(site) ||
        !tsearch(answer, &site->by_path, compare_paths)) {
        free_answer(answer);
        return NULL;
    }
    return site->answers[site->count++] = answer;
}

/* --- drafts ----------------------------------------------------------------------------------- */

bool draft_open(struct draft *draft)
{
    *draft = (struct draft){0};
    draft->file = open_memstream(&draft->text, &draft->size);
    return draft->file != NULL;
}

struct answer *site_add_draft(struct site *site, const char *path, struct draft *draft)
{
    struct answer *answer = NULL;
    if (fclose(draft->file) == 0)
        answer = site_add(site, path, 200, NULL, "text/html; charset=utf-8",
                          (yibu_bytes){draft->text, draft->size});
    free(draft->text);
    return answer;
}

/* --- the whole -------------------------------------------------------------------------------- */

int site_build(struct site *site, const char *tree, size_t max_files)
{
    *site = (struct site){0};
    int error = tree_add_files(site, tree, max_files);
    if (error == 0 && (!tree_add_folders(site) || !curiosities_add(site)))
        error = -ENOMEM;
    if (error < 0)
        site_free(site);
    return error;
}

static void keep(void *node)
{
    (void)node;
}

void site_free(struct site *site)
{
    tdestroy(site->by_path, keep);
    for (size_t i = 0; i < site->count; i++)
        free_answer(site->answers[i]);
    free(site->answers);
    *site = (struct site){0};
}
