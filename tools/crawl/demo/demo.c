/* yibu-demo: the crawler's work done in four ways, compared.
 *
 * With no argument it serves the project's own tree and crawls it; each way and the server run in
 * processes of their own, which are this program in another role. */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yibu.h>

#include "calibrate.h"
#include "comparison.h"
#include "run.h"
#include "server.h"
#include "timeline.h"
#include "url.h"

#define PAGE_COST_MS 5.0
#define MAX_FILES 1000000

enum role { ROLE_MAIN = -2, ROLE_SERVER = -1 }; /* else a way */

struct options {
    struct run_settings run;
    const char *json;
    const char *timeline;
    int role;
};

enum key { KEY_ROLE = 0x100, KEY_LEVEL, KEY_DIRECT, KEY_TREE, KEY_LATENCY, KEY_TIMELINE };

static const struct argp_option known_options[] = {
    {"json", 'j', "FILE", 0, "Write the figures to FILE; - is standard output", 0},
    {"timeline", KEY_TIMELINE, "FILE.svg", 0, "Draw the timeline to FILE.svg", 0},
    {"concurrency", 'c', "N", 0, "Fetch N pages at once (50)", 0},
    {"latency", KEY_LATENCY, "MS", 0, "Let the server wait so long before it answers (40)", 0},
    {"pages", 'n', "N", 0, "Serve no more than N files of the tree", 0},
    {"tree", KEY_TREE, "FOLDER", 0, "Serve FOLDER instead of the project's own tree", 0},
    {"level", KEY_LEVEL, "N", 0,
     "Compress with zstd's level N, instead of what makes a page cost 5 ms", 0},
    {"role", KEY_ROLE, "ROLE", OPTION_HIDDEN, NULL, 0},
    {"direct", KEY_DIRECT, NULL, OPTION_HIDDEN, NULL, 0},
    {0},
};

static const char documentation[] =
    "Crawls the project's own tree in four ways and compares them; with URLs, crawls those sites "
    "in "
    "the last of the four."
    "\vone-by-one: a page after the other, in one thread\n"
    "threads: as many threads as pages at once, each doing all of a page's work\n"
    "coroutines: all of it on one event loop\n"
    "right-worker: fetching in coroutines, parsing in threads, compressing in processes";

/* --- the command line ------------------------------------------------------------------------- */

static double read_number(struct argp_state *state, const char *name, const char *text,
                          double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < least || value > most)
        argp_error(state, "--%s takes a number from %g to %g, not '%s'", name, least, most, text);
    return value;
}

static int read_role(struct argp_state *state, const char *text)
{
    for (int way = 0; way < WAYS; way++)
        if (strcmp(text, way_names[way]) == 0)
            return way;
    if (strcmp(text, "server") != 0)
        argp_error(state, "there is no role '%s'", text);
    return ROLE_SERVER;
}

static void add_start(struct argp_state *state, struct options *options, const char *text)
{
    char *url = NULL;
    if (url_from_user(text, &url) != URL_FINE)
        argp_error(state, "'%s' is not a URL of http or https", text);
    if (!string_list_take(&options->run.way.starts, url))
        argp_failure(state, 2, ENOMEM, "%s", text);
}

static error_t read_option(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    struct run_settings *run = &options->run;
    switch (key) {
    case 'j':
        options->json = text;
        return 0;
    case KEY_TIMELINE:
        options->timeline = text;
        return 0;
    case 'c':
        run->way.concurrency = (unsigned)read_number(state, "concurrency", text, 1, 1000);
        return 0;
    case 'n':
        run->max_files = (size_t)read_number(state, "pages", text, 1, MAX_FILES);
        return 0;
    case KEY_LATENCY:
        run->latency_ns = (int64_t)(read_number(state, "latency", text, 0, 10000) * 1e6);
        return 0;
    case KEY_LEVEL:
        run->way.level = (unsigned)read_number(state, "level", text, 1, 22);
        return 0;
    case KEY_TREE:
        run->tree = text;
        return 0;
    case KEY_DIRECT:
        run->way.direct = true;
        return 0;
    case KEY_ROLE:
        options->role = read_role(state, text);
        return 0;
    case ARGP_KEY_ARG:
        add_start(state, options, text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what it needs ---------------------------------------------------------------------------- */

/* The tree this program was built from, where it is still there; else the current folder. */
static const char *find_tree(void)
{
    return access(DEMO_TREE "/CMakeLists.txt", R_OK) == 0 ? DEMO_TREE : ".";
}

/* In the folder for what is built, where there is one: nothing of it is kept under version
 * control. */
static const char *choose_timeline(void)
{
    if (access("build", W_OK) != 0)
        return "yibu-demo-timeline.svg";
    mkdir("build/demo", 0777);
    return "build/demo/timeline.svg";
}

/* Somebody may be waiting. */
static void announce(const struct run_settings *settings, size_t pages, FILE *out)
{
    double page_s = (double)settings->latency_ns / 1e9 + PAGE_COST_MS / 1e3;
    fprintf(out, "Crawling about %zu pages of %s in four ways, which takes about %.0f s …\n\n",
            pages, settings->tree, 3 + 1.4 * page_s * (double)pages);
    fflush(out);
}

static int choose_level(struct run_settings *settings, FILE *out)
{
    struct site site;
    int error = site_build(&site, settings->tree, settings->max_files);
    if (error < 0) {
        fprintf(stderr, "yibu-demo: %s: %s\n", settings->tree,
                error == -ENOENT ? "there is no text file in it" : yibu_strerror(error));
        return EXIT_FAILURE;
    }
    announce(settings, site.count, out);
    if (settings->way.level == 0)
        settings->way.level = calibrate(&site, PAGE_COST_MS);
    site_free(&site);
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

static int run_ways(struct run *runs, way_kind first, size_t count,
                    const struct run_settings *settings)
{
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        way_kind way = (way_kind)((size_t)first + i);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r\033[K%s …", way_names[way]);
        status = run_way(&runs[i], way, settings);
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    return status;
}

static int draw(const struct options *options, const struct run *runs, size_t count, FILE *out)
{
    const char *name = options->timeline ? options->timeline : choose_timeline();
    int error = timeline_write(name, runs, count);
    if (error == 0)
        fprintf(out, "Timeline: %s\n", name);
    else
        fprintf(stderr, "yibu-demo: %s: %s\n", name, yibu_strerror(error));
    return error;
}

static FILE *text_output(const struct options *options)
{
    return options->json && strcmp(options->json, "-") == 0 ? stderr : stdout;
}

static int compare_ways(struct options *options)
{
    struct run runs[WAYS] = {0};
    struct run_settings *settings = &options->run;
    FILE *out = text_output(options);
    if (!settings->tree)
        settings->tree = find_tree();
    settings->way.direct = true;
    int status = choose_level(settings, out);
    if (status == 0)
        status = run_ways(runs, WAY_ONE_BY_ONE, WAYS, settings);
    if (status == 0) {
        comparison_print(runs, WAYS, settings, out);
        status |= !comparison_agrees(runs, WAYS, out);
        status |= draw(options, runs, WAYS, out) < 0;
        status |= comparison_write_json(runs, WAYS, settings, options->json) < 0;
    }
    for (size_t i = 0; i < WAYS; i++)
        run_free(&runs[i]);
    return status;
}

static int crawl_sites(struct options *options)
{
    struct run run = {0};
    FILE *out = text_output(options);
    options->run.tree = NULL;
    if (options->run.way.level == 0)
        options->run.way.level = 19;
    int status = run_ways(&run, WAY_RIGHT_WORKER, 1, &options->run);
    if (status == 0) {
        fputs(json_string_value(json_object_get(run.result, "report")), out);
        putc('\n', out);
        comparison_print(&run, 1, &options->run, out);
        status |= draw(options, &run, 1, out) < 0;
        status |= comparison_write_json(&run, 1, &options->run, options->json) < 0;
    }
    run_free(&run);
    return status;
}

static int play_role(struct options *options)
{
    const struct run_settings *run = &options->run;
    if (options->role == ROLE_SERVER)
        return server_main(run->tree, run->max_files, run->latency_ns);
    if (options->role >= 0)
        return way_main((way_kind)options->role, &run->way);
    return run->way.starts.count > 0 ? crawl_sites(options) : compare_ways(options);
}

int main(int argc, char **argv)
{
    static const struct argp parser = {.options = known_options,
                                       .parser = read_option,
                                       .args_doc = "[URL...]",
                                       .doc = documentation};
    struct options options = {
        .run = {.way = {.concurrency = 50}, .max_files = MAX_FILES, .latency_ns = YIBU_MS(40)},
        .role = ROLE_MAIN,
    };
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &options);
    int status = play_role(&options);
    string_list_free(&options.run.way.starts);
    return status;
}
