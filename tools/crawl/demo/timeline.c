/* The timeline: who worked when, as an SVG picture.
 *
 * A panel a run, all on one scale of time; a run much longer than the others is cut off.  In a
 * panel, a lane for each that works (the loop, threads, processes), and below them what the
 * processors did altogether: what stays empty there is time in which they loafed. */
#include "timeline.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

#define WIDTH 1200.0
#define LEFT 130.0
#define RIGHT 20.0
#define TITLE_HEIGHT 44.0
#define CPU_HEIGHT 60.0
#define PANEL_GAP 34.0
#define MAX_LANES 128

static const struct lane_style {
    const char *name;
    const char *color;
    double height;
    double height_of_many; /* where there are more than MANY */
} styles[TRACE_KINDS] = {
    [TRACE_LOOP] = {"loop", "#3b6fb6", 16, 16},
    [TRACE_FETCH] = {"waits", "#d5d9df", 16, 4},
    [TRACE_WORK] = {"threads", "#e08a2e", 16, 4},
    [TRACE_PROCESS] = {"processes", "#4b9e5f", 16, 16},
};
#define MANY 8

/* A worker's line in a panel. */
struct lane {
    trace_kind kind; /* TRACE_WORK for threads that fetch, too */
    int64_t worker;
    double top;
    double height;
};

struct panel {
    FILE *file;
    const struct run *run;
    double top;
    double seconds; /* the width stands for */
    struct lane lanes[MAX_LANES];
    size_t lane_count;
    double lanes_height;
    long cores;
};

/* --- places ----------------------------------------------------------------------------------- */

static double at_seconds(const struct panel *panel, double seconds)
{
    double share = seconds / panel->seconds;
    if (share < 0)
        share = 0;
    return LEFT + (share < 1 ? share : 1) * (WIDTH - LEFT - RIGHT);
}

static double at(const struct panel *panel, int64_t when_ns)
{
    return at_seconds(panel, (double)(when_ns - panel->run->start_ns) / 1e9);
}

/* Threads that fetch and work have one lane for both. */
static trace_kind lane_kind(trace_kind kind)
{
    return kind == TRACE_FETCH ? TRACE_WORK : kind;
}

static struct lane *find_lane(struct panel *panel, const struct trace_span *span)
{
    trace_kind kind = lane_kind(span->kind);
    for (size_t i = 0; i < panel->lane_count; i++)
        if (panel->lanes[i].kind == kind && panel->lanes[i].worker == span->worker)
            return &panel->lanes[i];
    if (panel->lane_count == MAX_LANES)
        return NULL;
    panel->lanes[panel->lane_count] = (struct lane){.kind = kind, .worker = span->worker};
    return &panel->lanes[panel->lane_count++];
}

/* --- what the run says ------------------------------------------------------------------------ */

static bool next_span(const json_t *spans, size_t *place, struct trace_span *ret_span)
{
    if (*place + 4 > json_array_size(spans))
        return false;
    json_int_t values[4];
    for (size_t i = 0; i < 4; i++)
        values[i] = json_integer_value(json_array_get(spans, *place + i));
    *place += 4;
    *ret_span = (struct trace_span){(trace_kind)values[0], values[1], values[2], values[3]};
    return ret_span->kind < TRACE_KINDS;
}

static int by_kind(const void *a, const void *b)
{
    const struct lane *left = a;
    const struct lane *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return (left->worker > right->worker) - (left->worker < right->worker);
}

static void lay_out(struct panel *panel, const json_t *spans)
{
    struct trace_span span;
    for (size_t place = 0; next_span(spans, &place, &span);)
        find_lane(panel, &span);
    qsort(panel->lanes, panel->lane_count, sizeof(*panel->lanes), by_kind);
    double top = panel->top + TITLE_HEIGHT;
    for (size_t i = 0; i < panel->lane_count; i++) {
        struct lane *lane = &panel->lanes[i];
        const struct lane_style *style = &styles[lane->kind];
        lane->height = panel->lane_count > MANY ? style->height_of_many : style->height;
        lane->top = top;
        top += lane->height + (lane->height > 8 ? 3 : 1);
    }
    panel->lanes_height = top - panel->top - TITLE_HEIGHT;
}

/* --- drawing ---------------------------------------------------------------------------------- */

static void draw_rectangle(FILE *file, double x, double y, double width, double height,
                           const char *color)
{
    fprintf(file, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x,
            y, width, height, color);
}

static void draw_label(const struct panel *panel, double y, const char *text)
{
    fprintf(panel->file,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" class=\"label\">%s</text>\n", LEFT - 8,
            y, text);
}

/* Spans of one lane that touch on the picture are drawn as one: a path for each kind. */
static void draw_spans(struct panel *panel, const json_t *spans, trace_kind kind)
{
    struct trace_span span;
    fprintf(panel->file, "<path fill=\"%s\" d=\"", styles[kind].color);
    for (size_t place = 0; next_span(spans, &place, &span);) {
        const struct lane *lane = span.kind == kind ? find_lane(panel, &span) : NULL;
        if (!lane)
            continue;
        double from = at(panel, span.start_ns);
        double to = at(panel, span.end_ns);
        if (from < WIDTH - RIGHT)
            fprintf(panel->file, "M%.2f %.1fh%.2fv%.1fh-%.2fz", from, lane->top,
                    to - from > 0.1 ? to - from : 0.1, lane->height,
                    to - from > 0.1 ? to - from : 0.1);
    }
    fputs("\"/>\n", panel->file);
}

static void draw_lane_labels(const struct panel *panel)
{
    for (size_t i = 0; i < panel->lane_count; i++) {
        const struct lane *lane = &panel->lanes[i];
        size_t members = 1;
        while (i + members < panel->lane_count && panel->lanes[i + members].kind == lane->kind)
            members++;
        const struct lane *last = &panel->lanes[i + members - 1];
        char text[64];
        snprintf(text, sizeof(text), members > 1 ? "%zu %s" : "%.0zu%s", members > 1 ? members : 0,
                 members > 1 || lane->kind == TRACE_LOOP ? styles[lane->kind].name
                 : lane->kind == TRACE_WORK              ? "thread"
                                                         : "process");
        draw_label(panel, (lane->top + last->top + last->height) / 2 + 4, text);
        i += members - 1;
    }
}

/* A sample's share of all processors since the one before, as a height. */
static void draw_cpu(const struct panel *panel)
{
    const struct meter *meter = &panel->run->meter;
    double bottom = panel->top + TITLE_HEIGHT + panel->lanes_height + CPU_HEIGHT + 6;
    double end = at_seconds(panel, panel->run->wall_s);
    draw_rectangle(panel->file, LEFT, bottom - CPU_HEIGHT, end - LEFT, CPU_HEIGHT, "#f4c9c4");
    fprintf(panel->file, "<path fill=\"#8a6bb0\" d=\"M%.2f %.2f", LEFT, bottom);
    for (size_t i = 1; i < meter->count; i++) {
        double period = (double)(meter->samples[i].when_ns - meter->samples[i - 1].when_ns);
        double share = (double)meter->samples[i].cpu_ns / period / (double)panel->cores;
        double from = at(panel, meter->samples[i - 1].when_ns);
        if (from >= WIDTH - RIGHT)
            break;
        fprintf(panel->file, "L%.2f %.2fL%.2f %.2f", from,
                bottom - CPU_HEIGHT * (share < 1 ? share : 1), at(panel, meter->samples[i].when_ns),
                bottom - CPU_HEIGHT * (share < 1 ? share : 1));
    }
    fprintf(panel->file, "L%.2f %.2fz\"/>\n", end, bottom);
    char text[64];
    snprintf(text, sizeof(text), "%ld processors", panel->cores);
    draw_label(panel, bottom - CPU_HEIGHT / 2 + 4, text);
}

static double panel_height(const struct panel *panel)
{
    return TITLE_HEIGHT + panel->lanes_height + 6 + CPU_HEIGHT + PANEL_GAP;
}

static void draw_axis(const struct panel *panel)
{
    double y = panel->top + panel_height(panel) - PANEL_GAP + 12;
    double step = panel->seconds > 10    ? 2
                  : panel->seconds > 4   ? 1
                  : panel->seconds > 1.5 ? 0.5
                                         : 0.2;
    for (unsigned tick = 0; tick * step <= panel->seconds; tick++)
        fprintf(panel->file, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\">%.1f s</text>\n",
                at_seconds(panel, tick * step), y, tick * step);
}

static void draw_title(const struct panel *panel)
{
    const struct run *run = panel->run;
    double pages = run_number(run, "pages");
    fprintf(panel->file, "<text x=\"%.1f\" y=\"%.1f\" class=\"title\">%s</text>\n", 12.0,
            panel->top + 20, way_names[run->way]);
    fprintf(panel->file,
            "<text x=\"%.1f\" y=\"%.1f\" class=\"sub\">%.2f s, %.0f pages/s, %.0f%% of the "
            "processors%s</text>\n",
            LEFT, panel->top + 20, run->wall_s, pages / run->wall_s,
            100 * run->cpu_s / run->wall_s / (double)panel->cores,
            run->wall_s > panel->seconds ? " (cut off here: it goes on)" : "");
}

static double draw_panel(FILE *file, const struct run *run, double top, double seconds)
{
    struct panel panel = {.file = file,
                          .run = run,
                          .top = top,
                          .seconds = seconds,
                          .cores = sysconf(_SC_NPROCESSORS_ONLN)};
    const json_t *spans = json_object_get(run->result, "spans");
    lay_out(&panel, spans);
    draw_title(&panel);
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        draw_spans(&panel, spans, (trace_kind)kind);
    draw_lane_labels(&panel);
    draw_cpu(&panel);
    draw_axis(&panel);
    return panel_height(&panel);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Long enough for all but those that take more than twice as long as the quickest. */
static double choose_scale(const struct run *runs, size_t count)
{
    double quickest = runs[0].wall_s;
    for (size_t i = 1; i < count; i++)
        quickest = runs[i].wall_s < quickest ? runs[i].wall_s : quickest;
    double scale = quickest;
    for (size_t i = 0; i < count; i++)
        if (runs[i].wall_s > scale && runs[i].wall_s < 2.5 * quickest)
            scale = runs[i].wall_s;
    return scale * 1.02;
}

static void draw_legend(FILE *file, double y)
{
    static const struct {
        const char *color;
        const char *text;
    } entries[] = {
        {"#3b6fb6", "the loop's turns"},          {"#e08a2e", "a thread computes"},
        {"#d5d9df", "a thread waits for a page"}, {"#4b9e5f", "a process computes"},
        {"#8a6bb0", "processors at work"},        {"#f4c9c4", "processors loaf"},
    };
    for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
        double x = 12 + 196.0 * (double)i;
        draw_rectangle(file, x, y - 10, 12, 12, entries[i].color);
        fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" class=\"sub\">%s</text>\n", x + 18, y,
                entries[i].text);
    }
}

static double draw_everything(FILE *file, const struct run *runs, size_t count)
{
    double scale = choose_scale(runs, count);
    double top = 40;
    draw_legend(file, 22);
    for (size_t i = 0; i < count; i++)
        top += draw_panel(file, &runs[i], top, scale);
    return top;
}

static int write_picture(FILE *file, const char *body, double height)
{
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
            "<title>Who worked when, while crawling</title>\n"
            "<style>text{font-family:sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}"
            ".sub{font-size:13px}.label{font-size:12px}.tick{font-size:11px;fill:#666}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n",
            WIDTH, height, body);
    errno = 0;
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed)
        return errno ? -errno : -EIO;
    return 0;
}

int timeline_write(const char *name, const struct run *runs, size_t count)
{
    char *body = NULL;
    size_t size;
    FILE *memory = open_memstream(&body, &size);
    if (!memory)
        return -ENOMEM;
    double height = draw_everything(memory, runs, count);
    fclose(memory);
    FILE *file = body ? fopen(name, "we") : NULL;
    int error = file ? write_picture(file, body, height) : -errno;
    free(body);
    return error;
}
