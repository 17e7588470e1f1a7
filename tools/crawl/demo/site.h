/* The site that the demonstration crawls: a source tree as linked HTML pages, in memory. */
#ifndef DEMO_SITE_H
#define DEMO_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <yibu/process_pool.h>

struct answer {
    const char *path;
    int status;
    bool is_file;  /* a page that shows a file of the tree */
    char *message; /* all of the response, head and body */
    size_t size;
    size_t head_size;
    char storage[]; /* of the path */
};

struct site {
    struct answer **answers;
    size_t count;
    size_t capacity;
    void *by_path; /* a tree of tsearch(3) */
};

/* Makes pages of the files of a tree: of all that are text, up to max_files.  A folder's page links
 * to what is in it.  A few links are broken, a few pages are there twice, or nearly so.
 * Returns 0, -ENOMEM, or -ENOENT where there is no file to show. */
int site_build(struct site *site, const char *tree, size_t max_files);

/* The answer to a request for a path; NULL: there is none.  "" has the answer for that. */
const struct answer *site_find(const struct site *site, const char *path);

yibu_bytes site_body(const struct answer *answer);

void site_free(struct site *site);

/* --- for those that make pages --- */

/* A page that is being written. */
struct draft {
    FILE *file;
    char *text;
    size_t size;
};

/* Returns false for want of memory. */
bool draft_open(struct draft *draft);

/* Makes a page of HTML of a draft that was opened.  Returns it, or NULL for want of memory. */
struct answer *site_add_draft(struct site *site, const char *path, struct draft *draft);

/* Adds an answer of any status; location: of a redirect, else NULL. */
struct answer *site_add(struct site *site, const char *path, int status, const char *location,
                        const char *type, yibu_bytes body);

#endif
