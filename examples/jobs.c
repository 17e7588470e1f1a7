/* A job runner: each line of its input is a command for the shell; some run at a time, each with a
 * time limit.  What they print is labelled with their number, then comes how they ended.
 * Try `printf 'echo hello\nsleep 9\nexit 3\n' | jobs 2 1`.
 *
 * usage: jobs [AT-ONCE [SECONDS]]      (4 and 60, the defaults) */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

typedef struct runner {
    yibu_stream *out;
    int64_t limit_ns;
    unsigned count, failed;
} runner;

typedef struct job {
    runner *runner;
    unsigned number;
    char command[];
} job;

static int say(const job *j, char *text, size_t size)
{
    char label[16];
    int length = snprintf(label, sizeof(label), "%u: ", j->number);
    size -= size > 0 && text[size - 1] == '\n';
    const struct iovec line[] = {{label, (size_t)length}, {text, size}, {(char[]){'\n'}, 1}};
    int r = yibu_stream_writelines(j->runner->out, line, 3);
    return r < 0 ? r : yibu_stream_drain(j->runner->out);
}

static intptr_t watch(const job *j, yibu_subprocess *process)
{
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(yibu_subprocess_stdout(process), &line)) > 0) {
        int r = say(j, line, (size_t)n);
        if (r < 0)
            return r;
    }
    return n < 0 ? n : yibu_subprocess_wait(process);
}

static intptr_t run(const job *j)
{
    const yibu_subprocess_options options = {.size = sizeof(options),
                                             .in = YIBU_SUBPROCESS_DEVNULL,
                                             .out = YIBU_SUBPROCESS_PIPE,
                                             .err = YIBU_SUBPROCESS_STDOUT,
                                             .new_group = true};
    yibu_subprocess *process;
    yibu_timeout limit;
    int created = yibu_create_subprocess_shell(j->command, &options, &process);
    if (created < 0)
        return created;
    yibu_timeout_begin(&limit, j->runner->limit_ns);
    intptr_t r = yibu_timeout_end(&limit, watch(j, process));
    (void)yibu_subprocess_send_signal_group(process, SIGKILL); /* whom it has left behind, too */
    yibu_subprocess_free(process);
    return r;
}

static intptr_t run_job(void *arg)
{
    job *j = arg;
    char text[64];
    intptr_t r = run(j);
    j->runner->failed += r != 0;
    int length = r >= 0 ? snprintf(text, sizeof(text), "exit status %d", (int)r)
                        : snprintf(text, sizeof(text), "%s", yibu_strerror(r));
    int said = say(j, text, (size_t)length);
    free(j);
    return said; /* where nobody listens any more, all is over */
}

static intptr_t read_jobs(runner *r, yibu_stream *in, yibu_group *group)
{
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(in, &line)) > 0) {
        job *j = malloc(sizeof(*j) + (size_t)n + 1);
        if (!j)
            return -ENOMEM;
        *j = (job){r, ++r->count};
        memcpy(j->command, line, (size_t)n);
        j->command[n] = '\0';
        yibu_group_spawn(group, run_job, j);
    }
    return n;
}

static YIBU_ASYNC(void, run_all, runner *, r, size_t, at_once)
{
    const yibu_group_options options = {
        .size = sizeof(options), .max_running = at_once, .discard = free};
    yibu_stream *in;
    intptr_t result = yibu_open_stdout(NULL, &r->out);
    if (result < 0 || (result = yibu_open_stdin(NULL, &in)) < 0)
        return (int)result;
    YIBU_GROUP (group, &options, &result)
        result = read_jobs(r, in, &group);
    yibu_stream_close(r->out);
    int sent = yibu_stream_wait_closed(r->out);
    yibu_stream_free(r->out);
    yibu_stream_free(in);
    return result < 0 ? (int)result : sent;
}

int main(int argc, char **argv)
{
    runner r = {.limit_ns = YIBU_SECONDS(argc > 2 ? atoi(argv[2]) : 60)};
    int result = run_all_run(NULL, &r, argc > 1 ? (size_t)atoi(argv[1]) : 4);
    if (result < 0)
        fprintf(stderr, "jobs: %s\n", yibu_strerror(result));
    return result < 0 || r.failed > 0;
}
