/* The ways beside each other: for people, for programs, and whether they found the same. */
#include "comparison.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <yibu/error.h>

static double cpu_percent(const struct run *run)
{
    return 100 * run->cpu_s / run->wall_s / (double)sysconf(_SC_NPROCESSORS_ONLN);
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_conditions(const struct run *run, const struct run_settings *settings, FILE *file)
{
    const char *backend = json_string_value(json_object_get(run->result, "backend"));
    double pages = run_number(run, "pages");
    fprintf(file, "%.0f pages, %.1f KiB each; %u at once", pages,
            run_number(run, "bytes") / 1024 / (pages > 0 ? pages : 1), settings->way.concurrency);
    if (settings->tree)
        fprintf(file, ", %.0f ms of latency a response", (double)settings->latency_ns / 1e6);
    fprintf(file, "; zstd level %u, %.1f ms of CPU a page; %ld processors; %s\n\n",
            settings->way.level, 1e3 * run->cpu_s / (pages > 0 ? pages : 1),
            sysconf(_SC_NPROCESSORS_ONLN), backend ? backend : "no loop");
}

static void print_run(const struct run *run, FILE *file)
{
    fprintf(file, "%-14s %8.2f s %9.0f %9.0f %% %10.1f ms %9.1f MiB\n", way_names[run->way],
            run->wall_s, run_number(run, "pages") / run->wall_s, cpu_percent(run),
            run_number(run, "stall_ms"), (double)meter_peak_bytes(&run->meter) / 1048576);
}

/* What no way can beat: the processors all busy, or the latency of all pages. */
static double bound_s(const struct run *run, const struct run_settings *settings)
{
    double cpu = run->cpu_s / (double)sysconf(_SC_NPROCESSORS_ONLN);
    double latency =
        run_number(run, "pages") / settings->way.concurrency * (double)settings->latency_ns / 1e9;
    return cpu > latency ? cpu : latency;
}

void comparison_print(const struct run *runs, size_t count, const struct run_settings *settings,
                      FILE *file)
{
    const struct run *last = &runs[count - 1];
    print_conditions(last, settings, file);
    fprintf(file, "%-14s %10s %9s %11s %13s %13s\n", "", "wall time", "pages/s", "CPU in use",
            "longest stall", "peak memory");
    for (size_t i = 0; i < count; i++)
        print_run(&runs[i], file);
    if (count > 1)
        fprintf(file,
                "\n%s is %.1f times as fast as %s; it took %.2f times the least that %.2f s of CPU "
                "time\nand the latency allow on these processors, %.2f s.\n"
                "Stall: the most CPU time that a thread which fetches used between two waits.\n",
                way_names[last->way], runs[0].wall_s / last->wall_s, way_names[runs[0].way],
                last->wall_s / bound_s(last, settings), last->cpu_s, bound_s(last, settings));
}

/* --- the same findings ------------------------------------------------------------------------ */

static bool same(const struct run *a, const struct run *b)
{
    return run_number(a, "pages") == run_number(b, "pages") &&
           run_number(a, "bytes") == run_number(b, "bytes") &&
           json_equal(json_object_get(a->result, "findings"),
                      json_object_get(b->result, "findings"));
}

static size_t finding_count(const struct run *run, const char *key)
{
    return json_array_size(json_object_get(json_object_get(run->result, "findings"), key));
}

bool comparison_agrees(const struct run *runs, size_t count, FILE *file)
{
    bool agrees = true;
    for (size_t i = 1; i < count; i++) {
        if (same(&runs[0], &runs[i]))
            continue;
        fprintf(file, "%s and %s found different things.\n", way_names[runs[0].way],
                way_names[runs[i].way]);
        agrees = false;
    }
    if (agrees)
        fprintf(file,
                "All found the same: %.0f pages, broken links: %zu, groups of duplicates: %zu, of "
                "near-duplicates: %zu.\n",
                run_number(&runs[0], "pages"), finding_count(&runs[0], "broken"),
                finding_count(&runs[0], "duplicates"), finding_count(&runs[0], "near_duplicates"));
    return agrees;
}

/* --- for programs ----------------------------------------------------------------------------- */

static json_t *describe_run(const struct run *run)
{
    return json_pack("{ss sI sf sf sf sf sI}", "name", way_names[run->way], "pages",
                     (json_int_t)run_number(run, "pages"), "wall_s", run->wall_s, "cpu_s",
                     run->cpu_s, "cpu_percent", cpu_percent(run), "stall_ms",
                     run_number(run, "stall_ms"), "peak_rss_bytes",
                     (json_int_t)meter_peak_bytes(&run->meter));
}

static json_t *describe(const struct run *runs, size_t count, const struct run_settings *settings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, describe_run(&runs[i]));
    double latency_s = settings->tree ? (double)settings->latency_ns / 1e9 : 0;
    return json_pack("{sI sf so}", "concurrency", (json_int_t)settings->way.concurrency,
                     "latency_s", latency_s, "runs", list);
}

static int write_json(const json_t *object, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *file = standard ? stdout : fopen(name, "we");
    if (!file)
        return -errno;
    errno = 0;
    bool failed = json_dumpf(object, file, JSON_INDENT(2)) < 0 || putc('\n', file) == EOF ||
                  fflush(file) != 0;
    if (!standard && fclose(file) != 0)
        failed = true;
    return !failed ? 0 : errno ? -errno : -EIO;
}

int comparison_write_json(const struct run *runs, size_t count, const struct run_settings *settings,
                          const char *name)
{
    if (!name)
        return 0;
    json_t *object = describe(runs, count, settings);
    int error = object ? write_json(object, name) : -ENOMEM;
    json_decref(object);
    if (error < 0)
        fprintf(stderr, "yibu-demo: %s: %s\n", name, yibu_strerror(error));
    return error;
}
