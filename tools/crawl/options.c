/* The command line of yibu-crawl. */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "judge.h"
#include "url.h"

#define DEFAULT_USER_AGENT                                                 \
    JUDGE_TOKEN "/" YIBU_STRINGIFY(YIBU_VERSION_MAJOR) "." YIBU_STRINGIFY( \
        YIBU_VERSION_MINOR) "." YIBU_STRINGIFY(YIBU_VERSION_PATCH)
#define MAX_CONCURRENCY 1000

const struct options options_default = {
    .crawl =
        {
            .fetch =
                {
                    .transport = &fetch_in_task,
                    .user_agent = DEFAULT_USER_AGENT,
                    .timeout_ns = YIBU_SECONDS(30),
                    .retries = 2,
                    .max_body = (size_t)16 * 1024 * 1024,
                },
            .limits = {.depth = UINT_MAX, .max_pages = 10000, .per_host = 8, .redirects = 10},
            .concurrency = 50,
        },
    .slow_ns = YIBU_SECONDS(1),
};

enum key {
    KEY_DEPTH = 'd',
    KEY_MAX_PAGES = 'n',
    KEY_CONCURRENCY = 'c',
    KEY_TIMEOUT = 't',
    KEY_RETRIES = 'r',
    KEY_JSON = 'j',
    KEY_ARCHIVE = 'a',
    KEY_PER_HOST = 0x100,
    KEY_LEVEL,
    KEY_USER_AGENT,
    KEY_MAX_BODY,
    KEY_SLOW,
    KEY_INSECURE,
    KEY_CA_FILE
};

static const struct argp_option known_options[] = {
    {NULL, 0, NULL, 0, "What to visit:", 1},
    {"depth", KEY_DEPTH, "N", 0, "Follow links up to N away from a start URL (no limit)", 1},
    {"max-pages", KEY_MAX_PAGES, "N", 0, "Visit at most N pages (10000)", 1},
    {"max-body", KEY_MAX_BODY, "SIZE", 0, "Cut pages off at SIZE bytes; K, M and G multiply (16M)",
     1},
    {NULL, 0, NULL, 0, "How to visit:", 2},
    {"concurrency", KEY_CONCURRENCY, "N", 0, "Fetch N pages at once (50)", 2},
    {"per-host", KEY_PER_HOST, "N", 0, "Fetch N pages at once from one server (8)", 2},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "Give a page so long to arrive (30)", 2},
    {"retries", KEY_RETRIES, "N", 0,
     "Try N times more where a page may be there later: no connection, no answer in time, "
     "429, 502, 503, 504 (2)",
     2},
    {"user-agent", KEY_USER_AGENT, "TEXT", 0, "Introduce yourself as TEXT (" DEFAULT_USER_AGENT ")",
     2},
    {"cacert", KEY_CA_FILE, "FILE", 0, "Trust the certificates in FILE instead of the system's", 2},
    {"insecure", KEY_INSECURE, NULL, 0, "Accept any certificate", 2},
    {NULL, 0, NULL, 0, "What to tell:", 3},
    {"json", KEY_JSON, "FILE", 0, "Write everything found to FILE; - is standard output", 3},
    {"archive", KEY_ARCHIVE, "FILE.tar.zst", 0, "Keep the pages", 3},
    {"level", KEY_LEVEL, "N", 0, "Compress them with zstd's level N, 1 to 22 (3)", 3},
    {"slow", KEY_SLOW, "SECONDS", 0, "Call a page slow from SECONDS on (1)", 3},
    {0},
};

static const char documentation[] =
    "Visits every page of the sites that the URLs are on, and reports broken links, duplicates "
    "and slow pages."
    "\vLinks to other sites are not visited. robots.txt is respected. A start URL without a scheme "
    "means http.\n\n"
    "Exit status: 0 all is fine; 1 links are broken; 2 the command line is wrong or the crawl "
    "could not start; 3 the report or the archive is not complete (disk full, no memory); "
    "130 interrupted, with a report of what was found until then.";

/* --- values ----------------------------------------------------------------------------------- */

static unsigned long read_number(struct argp_state *state, const char *name, const char *text,
                                 unsigned long least, unsigned long most)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || errno || value < least || value > most)
        argp_error(state, "--%s takes a number from %lu to %lu, not '%s'", name, least, most, text);
    return value;
}

static int64_t read_seconds(struct argp_state *state, const char *name, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < 0.001 || value > 86400)
        argp_error(state, "--%s takes seconds from 0.001 to 86400, not '%s'", name, text);
    return (int64_t)(value * 1e9);
}

static size_t read_size(struct argp_state *state, const char *name, const char *text)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    end += unit != NULL;
    if (end == text || *end || *text == '-' || errno || value == 0 ||
        value > (unsigned long long)(LONG_MAX >> shift))
        argp_error(state, "--%s takes a size such as 500K or 16M, not '%s'", name, text);
    return (size_t)value << shift;
}

static void add_start(struct argp_state *state, struct options *options, const char *text)
{
    char *url = NULL;
    switch (url_from_user(text, &url)) {
    case URL_FINE:
        if (!string_list_take(&options->starts, url))
            argp_failure(state, EXIT_USAGE, ENOMEM, "%s", text);
        break;
    case URL_FOREIGN:
        argp_error(state, "'%s' is neither http nor https", text);
        break;
    case URL_MALFORMED:
        argp_error(state, "'%s' is not a URL", text);
        break;
    case URL_NO_MEMORY:
        argp_failure(state, EXIT_USAGE, ENOMEM, "%s", text);
        break;
    }
}

/* --- options ---------------------------------------------------------------------------------- */

static bool read_limit(struct argp_state *state, int key, const char *text)
{
    struct options *options = state->input;
    struct crawl_options *crawl = &options->crawl;
    switch (key) {
    case KEY_DEPTH:
        crawl->limits.depth = (unsigned)read_number(state, "depth", text, 0, UINT_MAX);
        return true;
    case KEY_MAX_PAGES:
        crawl->limits.max_pages = read_number(state, "max-pages", text, 1, LONG_MAX);
        return true;
    case KEY_MAX_BODY:
        crawl->fetch.max_body = read_size(state, "max-body", text);
        return true;
    case KEY_CONCURRENCY:
        crawl->concurrency = (unsigned)read_number(state, "concurrency", text, 1, MAX_CONCURRENCY);
        return true;
    case KEY_PER_HOST:
        crawl->limits.per_host = (unsigned)read_number(state, "per-host", text, 1, MAX_CONCURRENCY);
        return true;
    case KEY_TIMEOUT:
        crawl->fetch.timeout_ns = read_seconds(state, "timeout", text);
        return true;
    case KEY_RETRIES:
        crawl->fetch.retries = (unsigned)read_number(state, "retries", text, 0, 100);
        return true;
    default:
        return false;
    }
}

static bool read_output(struct argp_state *state, int key, const char *text)
{
    struct options *options = state->input;
    switch (key) {
    case KEY_JSON:
        options->json = text;
        return true;
    case KEY_ARCHIVE:
        options->archive = text;
        return true;
    case KEY_LEVEL:
        options->crawl.level =
            (unsigned)read_number(state, "level", text, 1, (unsigned long)ZSTD_maxCLevel());
        return true;
    case KEY_SLOW:
        options->slow_ns = read_seconds(state, "slow", text);
        return true;
    default:
        return false;
    }
}

static error_t read_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    if (read_limit(state, key, text) || read_output(state, key, text))
        return 0;
    switch (key) {
    case KEY_USER_AGENT:
        options->crawl.fetch.user_agent = text;
        return 0;
    case KEY_CA_FILE:
        options->crawl.fetch.ca_file = text;
        return 0;
    case KEY_INSECURE:
        options->crawl.fetch.insecure = true;
        return 0;
    case ARGP_KEY_ARG:
        add_start(state, options, text);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which site? name at least one URL");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct argp parser = {.options = known_options,
                                       .parser = read_option,
                                       .args_doc = "URL...",
                                       .doc = documentation};
    argp_program_version = "yibu-crawl " YIBU_STRINGIFY(YIBU_VERSION_MAJOR) "." YIBU_STRINGIFY(
        YIBU_VERSION_MINOR) "." YIBU_STRINGIFY(YIBU_VERSION_PATCH);
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&parser, argc, argv, 0, NULL, options);
    if (options->archive && options->crawl.level == 0)
        options->crawl.level = 3;
    if (!options->archive)
        options->crawl.level = 0;
}

void options_free(struct options *options)
{
    string_list_free(&options->starts);
}
