/* The command line of yibu-crawl. */
#ifndef CRAWL_OPTIONS_H
#define CRAWL_OPTIONS_H

#include "crawl.h"

/* Exit statuses, beside 0. */
enum {
    EXIT_BROKEN = 1,     /* links are broken */
    EXIT_USAGE = 2,      /* the command line is wrong, or the crawl could not start */
    EXIT_INCOMPLETE = 3, /* the report or the archive is not complete */
    EXIT_INTERRUPTED = 130
};

struct options {
    struct crawl_options crawl;
    struct string_list starts; /* URLs in normal form */
    const char *json;          /* file name, NULL: none, "-": standard output */
    const char *archive;       /* file name, NULL: none */
    int64_t slow_ns;
};

/* What a crawl does that nobody has told anything. */
extern const struct options options_default;

/* Reads the command line; where it is wrong says so and exits with EXIT_USAGE. */
void options_parse(struct options *options, int argc, char **argv);

void options_free(struct options *options);

#endif
