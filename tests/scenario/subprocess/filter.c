/* Copies its standard input to its standard output by lines, and says on standard error how it
 * ended, and how often the loop went round meanwhile where an argument asks for that. */
#include <stdio.h>
#include <string.h>
#include <yibu.h>

static unsigned rounds;

static intptr_t go_round(void *arg)
{
    (void)arg;
    while (yibu_sleep(YIBU_MS(1)) == 0)
        rounds++;
    return 0;
}

static intptr_t copy(yibu_stream *in, yibu_stream *out)
{
    char *line;
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = yibu_stream_readline(in, &line)) != 0) {
        if (n < 0)
            return n;
        r = yibu_stream_write(out, line, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(out);
    }
    yibu_stream_close(out);
    return r < 0 ? r : yibu_stream_wait_closed(out);
}

static intptr_t filter(void *arg)
{
    yibu_stream *in, *out;
    int r = yibu_open_stdin(NULL, &in);
    if (r == 0)
        r = yibu_open_stdout(NULL, &out);
    if (r < 0)
        return r;
    yibu_task *task = yibu_create_task(go_round, NULL, NULL);
    intptr_t result = copy(in, out);
    yibu_stream_free(in);
    yibu_stream_free(out);
    yibu_task_unref(task);
    if (arg)
        fprintf(stderr, "%u rounds\n", rounds);
    return result;
}

int main(int argc, char **argv)
{
    intptr_t r = yibu_run(filter, argc > 1 ? argv[1] : NULL, NULL);
    fprintf(stderr, "%s\n", r < 0 ? yibu_error_name(r) : "fine");
    return r < 0;
}
