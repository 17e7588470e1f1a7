/* A chat: what one says, all others read.  Try it with several of `nc localhost PORT`.
 *
 * Each guest has a task that reads lines.  Writing never waits: a guest who does not read what the
 * others say is buffered for, and shown out once that is too much.
 *
 * usage: chat [PORT]      (0, the default: whichever the kernel chooses) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>

enum { NAME_BYTES = 32 };

typedef struct guest {
    struct guest *next;
    yibu_stream *stream;
    char name[NAME_BYTES];
} guest;

typedef struct room {
    guest *guests;
} room;

static void tell(guest *g, const char *text)
{
    if (yibu_stream_write(g->stream, text, strlen(text)) == -ENOBUFS)
        yibu_stream_abort(g->stream);
}

static void tell_others(const room *in, const guest *from, const char *what)
{
    char text[2048];
    snprintf(text, sizeof(text), "%s%s\n", from->name, what);
    for (guest *g = in->guests; g; g = g->next)
        if (g != from)
            tell(g, text);
}

/* The next line, its end replaced by a NUL: 1, 0 where there is none any more, or a failure. */
static int read_line(yibu_stream *stream, char **ret_line)
{
    static const yibu_separator ends[] = {{"\r\n", 2}, {"\n", 1}};
    size_t which;
    ssize_t n = yibu_stream_readuntil_any(stream, ends, 2, &which, ret_line);
    if (n < 0)
        return n == YIBU_EINCOMPLETE ? 0 : (int)n;
    (*ret_line)[(size_t)n - ends[which].size] = '\0';
    return 1;
}

static void enter(room *in, guest *g)
{
    g->next = in->guests;
    in->guests = g;
    tell(g, "Welcome!\n");
    tell_others(in, g, " is here");
}

static void leave(room *in, guest *g)
{
    guest **at = &in->guests;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    tell_others(in, g, " has left");
}

static int talk(room *in, guest *g)
{
    char *line, said[2000];
    int r;
    while ((r = read_line(g->stream, &line)) == 1) {
        snprintf(said, sizeof(said), ": %s", line);
        tell_others(in, g, said);
    }
    return r;
}

static intptr_t welcome(yibu_stream *stream, void *arg)
{
    guest g = {.stream = stream};
    char *line;
    tell(&g, "Your name? ");
    int r = read_line(stream, &line);
    if (r != 1)
        return r;
    snprintf(g.name, sizeof(g.name), "%.*s", NAME_BYTES - 1, line);
    enter(arg, &g);
    r = talk(arg, &g);
    leave(arg, &g);
    return r == -ECONNRESET ? 0 : r; /* not everybody says goodbye */
}

static YIBU_ASYNC(void, run_chat, uint16_t, port)
{
    const yibu_server_options options = {.size = sizeof(options),
                                         .stream = {.limit = 1000, .max_buffered = 1 << 20}};
    static room chat; /* guests may leave it after this has returned */
    yibu_server *server;
    int r = yibu_start_server(welcome, &chat, NULL, port, &options, &server);
    if (r < 0)
        return r;
    printf("port %u\n", yibu_server_port(server));
    fflush(stdout);
    r = yibu_server_serve_forever(server);
    yibu_server_close_clients(server);
    yibu_server_free(server);
    return r;
}

int main(int argc, char **argv)
{
    int r = run_chat_run(NULL, argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (r == -EINTR)
        return 0;
    fprintf(stderr, "chat: %s\n", yibu_strerror(r));
    return 1;
}
