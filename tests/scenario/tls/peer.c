/* One end of a TLS connection, for tests whose other end is somebody else's program.
 *
 * usage: peer client PORT [WORD=VALUE…]   sends its standard input, prints what comes back
 *        peer server [WORD=VALUE…]        prints its port, then serves each connection an echo
 *
 * name      the server's, as verified (default: localhost)
 * ca, crl   whom to trust, and what was revoked
 * cert      its own: PEM files without their ending, .pem and .key
 * verify    whether the other end is to show one
 * version   1.2 or 1.3
 * alpn      protocols, separated by commas
 * sni       a second certificate of a server, for second.test
 * session   a file: a session that is resumed, where there is one, and kept
 * end       0: a client sends no end, and reads until the peer's
 * starttls  1: a server speaks SMTP first
 * What happened is on standard error: what was agreed on, or the failure's name and its text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yibu.h>
#include <yibu/tls.h>

static char **words;

static const char *word(const char *name)
{
    size_t length = strlen(name);
    for (char **at = words; *at; at++)
        if (strncmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    return NULL;
}

static int load_own(yibu_tls_context *context, const char *name)
{
    char cert[4096], key[4096];
    (void)snprintf(cert, sizeof(cert), "%s.pem", name);
    (void)snprintf(key, sizeof(key), "%s.key", name);
    return yibu_tls_context_load_cert_chain(context, cert, key);
}

static int load_trust(yibu_tls_context *context)
{
    int r = word("ca") ? yibu_tls_context_load_verify_locations(context, word("ca"), NULL) : 0;
    if (r < 0 || !word("crl"))
        return r;
    r = yibu_tls_context_load_verify_locations(context, word("crl"), NULL);
    return r < 0 ? r : yibu_tls_context_set_verify_flags(context, YIBU_TLS_VERIFY_CRL_CHECK_LEAF);
}

static int set_alpn(yibu_tls_context *context)
{
    static char list[1024];
    const char *protocols[8];
    size_t count = 0;
    (void)snprintf(list, sizeof(list), "%s", word("alpn"));
    for (char *at = strtok(list, ","); at && count < 8; at = strtok(NULL, ","))
        protocols[count++] = at;
    return yibu_tls_context_set_alpn_protocols(context, protocols, count);
}

static int add_second(yibu_tls_context *context)
{
    yibu_tls_context *second;
    int r = yibu_tls_context_new(YIBU_TLS_SERVER, &second);
    if (r < 0)
        return r;
    r = load_own(second, word("sni"));
    if (r == 0)
        r = yibu_tls_context_add_server_name(context, "second.test", second);
    yibu_tls_context_free(second);
    return r;
}

static int make_context(yibu_tls_side side, yibu_tls_context **ret_context)
{
    int r = yibu_tls_context_new(side, ret_context);
    if (r == 0)
        r = load_trust(*ret_context);
    if (r == 0 && word("cert"))
        r = load_own(*ret_context, word("cert"));
    if (r == 0 && word("verify"))
        r = yibu_tls_context_set_verify_mode(*ret_context, YIBU_TLS_CERT_REQUIRED);
    if (r == 0 && word("alpn"))
        r = set_alpn(*ret_context);
    if (r == 0 && word("sni"))
        r = add_second(*ret_context);
    if (r == 0 && word("version")) {
        yibu_tls_version v = strcmp(word("version"), "1.2") == 0 ? YIBU_TLS_1_2 : YIBU_TLS_1_3;
        r = yibu_tls_context_set_versions(*ret_context, v, v);
    }
    return r;
}

static void describe(yibu_stream *stream)
{
    yibu_tls_info info = {.size = sizeof(info)};
    yibu_tls_certificate peer = {.size = sizeof(peer), .subject = ""};
    (void)yibu_tls_get_info(stream, &info);
    (void)yibu_tls_get_peer_certificate(stream, &peer);
    fprintf(stderr, "%s %s alpn=%s name=%s reused=%d peer=%s\n", info.version, info.cipher,
            info.alpn ? info.alpn : "", info.server_name ? info.server_name : "",
            info.session_reused, peer.subject);
}

static void complain(int code, const char *text)
{
    fprintf(stderr, "failed %d: %s: %s\n", code, yibu_tls_strerror(code), text);
}

/* Clients. */

static intptr_t send_input(void *arg)
{
    yibu_stream *stream = arg;
    static char bytes[65536];
    ssize_t n;
    int r = 0;
    while (r == 0 && (n = yibu_read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
        r = yibu_stream_write(stream, bytes, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
    }
    if (r == 0 && (!word("end") || strcmp(word("end"), "0") != 0))
        if (yibu_stream_write_eof(stream) == -ENOTSUP)
            yibu_stream_close(stream); /* TLS 1.2: the end of one side is that of both */
    return 0;
}

static ssize_t print_all(yibu_stream *stream)
{
    static char bytes[65536];
    ssize_t n;
    while ((n = yibu_stream_read(stream, bytes, sizeof(bytes))) > 0) {
        fwrite(bytes, 1, (size_t)n, stdout);
        fflush(stdout);
    }
    return n;
}

static yibu_tls_session *load_session(void)
{
    char bytes[16384];
    yibu_tls_session *session = NULL;
    FILE *file = word("session") ? fopen(word("session"), "re") : NULL;
    if (!file)
        return NULL;
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    (void)yibu_tls_session_load(bytes, n, &session);
    return session;
}

static void keep_session(yibu_stream *stream)
{
    char bytes[16384];
    yibu_tls_session *session;
    if (!word("session") || yibu_tls_get_session(stream, &session) < 0)
        return;
    ssize_t n = yibu_tls_session_save(session, bytes, sizeof(bytes));
    FILE *file = fopen(word("session"), "we");
    if (file && n > 0)
        fwrite(bytes, 1, (size_t)n, file);
    if (file)
        (void)fclose(file);
    yibu_tls_session_free(session);
}

static intptr_t run_client(void *arg)
{
    uint16_t port = (uint16_t)atoi(arg);
    char text[256] = "";
    yibu_tls_context *context;
    yibu_stream *stream;
    int r = make_context(YIBU_TLS_CLIENT, &context);
    if (r < 0) {
        complain(r, yibu_tls_context_error_text(context));
        return r;
    }
    yibu_tls_session *session = load_session();
    const yibu_tls_options options = {.size = sizeof(options),
                                      .server_name = word("name") ? word("name") : "localhost",
                                      .session = session,
                                      .ret_error_text = text,
                                      .error_text_size = sizeof(text)};
    r = yibu_tls_open_connection("127.0.0.1", port, context, &options, &stream);
    yibu_tls_session_free(session);
    yibu_tls_context_free(context);
    if (r < 0) {
        complain(r, text);
        return r;
    }
    describe(stream);
    yibu_task *sender = yibu_create_task(send_input, stream, NULL);
    r = (int)print_all(stream);
    if (r < 0)
        complain(r, yibu_tls_error_text(stream));
    keep_session(stream);
    yibu_stream_close(stream);
    yibu_task_cancel(sender);
    (void)yibu_await(sender);
    yibu_task_unref(sender);
    int closed = yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    return r < 0 ? r : closed;
}

/* Servers. */

static intptr_t echo(yibu_stream *stream, void *arg)
{
    (void)arg;
    static char bytes[65536];
    ssize_t n;
    int r = 0;
    describe(stream);
    while (r == 0 && (n = yibu_stream_read(stream, bytes, sizeof(bytes))) > 0) {
        r = yibu_stream_write(stream, bytes, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
    }
    if (r == 0 && n < 0)
        r = (int)n;
    if (r < 0)
        complain(r, yibu_tls_error_text(stream));
    return 0;
}

static intptr_t speak_smtp(yibu_stream *stream, void *context)
{
    char *line;
    yibu_stream_write(stream, "220 here\r\n", 10);
    while (yibu_stream_readline(stream, &line) > 0) {
        if (strncmp(line, "EHLO", 4) == 0)
            yibu_stream_write(stream, "250-here\r\n250 STARTTLS\r\n", 24);
        if (strncmp(line, "STARTTLS", 8) != 0)
            continue;
        yibu_stream_write(stream, "220 go ahead\r\n", 14);
        int r = yibu_stream_start_tls(stream, context, NULL);
        if (r == 0)
            return echo(stream, NULL);
        complain(r, yibu_tls_error_text(stream));
        return 0;
    }
    return 0;
}

static void on_failure(yibu_stream *stream, int code, const char *text, void *arg)
{
    (void)stream;
    (void)arg;
    complain(code, text);
}

static intptr_t run_server(void *arg)
{
    (void)arg;
    yibu_tls_context *context;
    yibu_server *server;
    const yibu_tls_server_options options = {.size = sizeof(options), .on_failure = on_failure};
    int r = make_context(YIBU_TLS_SERVER, &context);
    if (r < 0)
        complain(r, yibu_tls_context_error_text(context));
    else if (word("starttls"))
        r = yibu_start_server(speak_smtp, context, "127.0.0.1", 0, NULL, &server);
    else
        r = yibu_tls_start_server(echo, NULL, "127.0.0.1", 0, context, &options, &server);
    if (r < 0)
        return r;
    printf("port %u\n", yibu_server_port(server));
    fflush(stdout);
    r = yibu_server_serve_forever(server);
    yibu_server_free(server);
    yibu_tls_context_free(context);
    return r;
}

int main(int argc, char **argv)
{
    bool is_client = argc > 2 && strcmp(argv[1], "client") == 0;
    words = argv + (argc > 2 ? (is_client ? 3 : 2) : argc);
    intptr_t r = yibu_run(is_client ? run_client : run_server, argv[2], NULL);
    return r == 0 || r == -EINTR ? 0 : 1;
}
