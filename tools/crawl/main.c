/* yibu-crawl: crawls sites, reports broken links, duplicates and slow pages, keeps the pages. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "report.h"

#define PROCESS_NICE 10 /* computing comes after fetching */

static void complain(const char *what, int error)
{
    fprintf(stderr, "yibu-crawl: %s: %s\n", what, yibu_strerror(error));
}

/* --- files ------------------------------------------------------------------------------------ */

static FILE *open_json(const struct options *options)
{
    if (!options->json)
        return NULL;
    return strcmp(options->json, "-") == 0 ? stdout : fopen(options->json, "we");
}

static bool open_files(const struct options *options, FILE **ret_json,
                       struct archive_file *ret_archive)
{
    *ret_json = open_json(options);
    if (options->json && !*ret_json) {
        complain(options->json, -errno);
        return false;
    }
    int error = options->archive ? archive_create(ret_archive, options->archive) : 0;
    if (error < 0)
        complain(options->archive, error);
    return error == 0;
}

/* --- results ---------------------------------------------------------------------------------- */

static int write_json(const struct options *options, const struct report *report, FILE *json)
{
    if (!json)
        return 0;
    int error = report_write_json(report, json);
    if (json != stdout && fclose(json) != 0 && error == 0)
        error = -errno;
    if (error < 0)
        complain(options->json, error);
    return error;
}

static int exit_status(const struct crawl *crawl, const struct report *report, bool files_fine)
{
    if (crawl->totals.interrupted)
        return EXIT_INTERRUPTED;
    if (!files_fine || crawl->frontier.no_memory)
        return EXIT_INCOMPLETE;
    return report->by_outcome[PAGE_BROKEN].count > 0 ? EXIT_BROKEN : 0;
}

static int tell(const struct options *options, struct crawl *crawl, FILE *json)
{
    struct report report;
    bool fine = true;
    if (crawl->archive && archive_close(crawl->archive) < 0) {
        complain(options->archive, crawl->archive->error);
        fine = false;
    }
    int error = report_make(&report, crawl, options->slow_ns);
    if (error < 0) {
        complain("the report", error);
        return EXIT_INCOMPLETE;
    }
    if (json != stdout)
        report_print(&report, stdout);
    fine &= write_json(options, &report, json) == 0;
    if (fflush(stdout) != 0) {
        complain("standard output", -errno);
        fine = false;
    }
    int status = exit_status(crawl, &report, fine);
    report_free(&report);
    return status;
}

static int crawl_and_tell(const struct options *options)
{
    yibu_loop_options loop_options = {.size = sizeof(loop_options), .process_nice = PROCESS_NICE};
    struct crawl crawl = {.options = &options->crawl};
    struct archive_file archive;
    FILE *json;
    if (!open_files(options, &json, &archive))
        return EXIT_USAGE;
    crawl.archive = options->archive ? &archive : NULL;
    int status = EXIT_USAGE;
    int error = crawl_run(&crawl, &options->starts, &loop_options);
    if (error == 0)
        status = tell(options, &crawl, json);
    else
        complain("the event loop", error);
    crawl_free(&crawl);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = options_default;
    options_parse(&options, argc, argv);
    options.crawl.progress = isatty(STDERR_FILENO);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    int status = crawl_and_tell(&options);
    options_free(&options);
    return status;
}
