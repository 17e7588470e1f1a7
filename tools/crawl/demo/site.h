/* The site that the demonstration crawls: a source tree as linked HTML pages, in memory. */
#ifndef DEMO_SITE_H
#define DEMO_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include <yibu/process_pool.h>

struct answer {
    const char *path;
    const char *moved_to; /* of a redirect, else NULL */
    int status;
    bool is_file;        /* a page that shows a file of the tree */
    size_t body_offset;  /* in message */
    yibu_buffer message; /* all of the response, head and body */
    char storage[];      /* of the path */
};

struct site {
    struct answer **answers;
    size_t count;
    size_t capacity;
    void *by_path; /* a tree of tsearch(3) */
};

/* Makes pages of the files of a tree: of all that are text, up to max_files.  A folder's page links
 * to what is in it.  A few links are broken, a few pages are there twice, or nearly so.
 * Returns 0, -ENOMEM, or a negative errno where the tree cannot be read. */
int site_build(struct site *site, const char *tree, size_t max_files);

/* The answer to a request for a path; never NULL. */
const struct answer *site_find(const struct site *site, const char *path);

void site_free(struct site *site);

#endif
