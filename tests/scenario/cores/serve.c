/* Says hello over HTTP, on two loops, until a signal comes.  Prints its port, and says on its
 * standard error how many requests each loop has answered.
 *
 * GET /hop: the other loop answers.  GET /slow: the answer takes a second.
 *
 * usage: serve [PATH]      (of a Unix socket in the place of a port) */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <yibu.h>

enum { LOOPS = 2 };

static int answered[LOOPS];
static atomic_int ready;

static int answer(yibu_stream *stream, bool slow)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
                      body[] = "hello world\n";
    size_t piece = slow ? 1 : strlen(body);
    int r = yibu_stream_write(stream, head, strlen(head));
    for (size_t i = 0; r == 0 && i < strlen(body); i += piece) {
        if (slow)
            r = yibu_sleep(YIBU_MS(80));
        if (r == 0)
            r = yibu_stream_write(stream, &body[i], piece);
    }
    answered[yibu_core_index(yibu_current_core())]++;
    return r < 0 ? r : yibu_stream_drain(stream);
}

/* Skips the rest of the request.  Returns whether it is all there. */
static bool skip_head(yibu_stream *stream)
{
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(stream, &line)) > 0)
        if (line[0] == '\r' || line[0] == '\n')
            return true;
    return false;
}

static intptr_t serve(yibu_stream *stream, void *arg);

static intptr_t serve_once_and_go_on(yibu_stream *stream, void *arg)
{
    int r = skip_head(stream) ? answer(stream, false) : 0;
    return r < 0 ? r : serve(stream, arg);
}

static intptr_t hop(yibu_stream *stream)
{
    yibu_core *own = yibu_current_core();
    yibu_core *other = yibu_cores_core(yibu_core_cores(own), 1 - yibu_core_index(own));
    return yibu_core_hand_over(other, stream, serve_once_and_go_on, NULL);
}

static intptr_t serve(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(stream, &line)) > 0) {
        bool slow = strncmp(line, "GET /slow", 9) == 0;
        if (strncmp(line, "GET /hop", 8) == 0)
            return hop(stream);
        int r = skip_head(stream) ? answer(stream, slow) : -EPIPE;
        if (r < 0)
            return r == -EPIPE || r == -ECONNRESET ? 0 : r;
    }
    return n == -ECONNRESET ? 0 : n;
}

static int say_where(yibu_core *core, void *arg)
{
    (void)arg;
    if (atomic_fetch_add(&ready, 1) == LOOPS - 1) {
        printf("%u\n", yibu_cores_port(yibu_core_cores(core)));
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const yibu_cores_options options = {
        .size = sizeof(options), .loops = LOOPS, .setup = say_where, .drain_ns = YIBU_SECONDS(60)};
    int r = argc > 1 ? yibu_serve_unix_cores(serve, NULL, argv[1], &options)
                     : yibu_serve_cores(serve, NULL, NULL, 0, &options);
    if (r < 0)
        fprintf(stderr, "%s\n", yibu_strerror(r));
    else
        fprintf(stderr, "%d %d\n", answered[0], answered[1]);
    return r < 0;
}
