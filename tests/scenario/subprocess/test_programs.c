/* Programs that nobody here wrote, as children: a shell that is talked to, a pipeline, sftp-server,
 * stty. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "streams.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static yibu_subprocess *start(const char *const *argv, int in, int out, int err)
{
    const yibu_subprocess_options options = {
        .size = sizeof(options), .in = in, .out = out, .err = err};
    yibu_subprocess *process = NULL;
    int r = yibu_create_subprocess_exec(argv, &options, &process);
    if (r < 0)
        fail_msg("%s: %s", argv[0], yibu_error_name(r));
    return process;
}

/* bash, one command after the other. */

static void ask(yibu_subprocess *bash, const char *command, const char *wanted)
{
    char *line;
    assert_int_equal(yibu_stream_write(yibu_subprocess_stdin(bash), command, strlen(command)), 0);
    assert_int_equal(yibu_stream_drain(yibu_subprocess_stdin(bash)), 0);
    assert_int_equal(yibu_stream_readline(yibu_subprocess_stdout(bash), &line),
                     (ssize_t)strlen(wanted));
    assert_memory_equal(line, wanted, strlen(wanted));
}

LOOP_TEST(a_shell_answers_one_command_after_the_other)
{
    yibu_subprocess *bash = start(ARGV("bash", "--norc"), YIBU_SUBPROCESS_PIPE,
                                  YIBU_SUBPROCESS_PIPE, YIBU_SUBPROCESS_STDOUT);
    ask(bash, "x=20\necho $((x + 1))\n", "21\n");
    ask(bash, "cd /; pwd\n", "/\n");
    ask(bash, "(exit 3); echo $?\n", "3\n");
    ask(bash, "echo error >&2\n", "error\n");
    ask(bash, "trap 'echo caught' USR1; echo ready\n", "ready\n");
    assert_int_equal(yibu_subprocess_send_signal(bash, SIGUSR1), 0);
    ask(bash, ":\n", "caught\n");
    int r = yibu_subprocess_communicate(bash, "exit 7\n", 7, NULL, NULL, 0);
    assert_int_equal(r, 7);
    yibu_subprocess_free(bash);
    return 0;
}

LOOP_TEST(a_shell_at_a_terminal_has_its_line_edited)
{
    assert_int_equal(setenv("TERM", "xterm", 1), 0); /* at a dumb one bash says less */
    yibu_subprocess *bash = start(ARGV("bash", "--norc", "--noprofile", "-i"), YIBU_SUBPROCESS_PTY,
                                  YIBU_SUBPROCESS_PTY, YIBU_SUBPROCESS_PTY);
    static const char typed[] = "echo hellx\b"
                                "o there\n";
    yibu_stream *terminal = yibu_subprocess_stdin(bash);
    char *data;
    yibu_stream_write(terminal, typed, sizeof(typed) - 1);
    assert_true(yibu_stream_readuntil(terminal, "\rhello there\r\n", 14, &data) > 0);
    int r = yibu_subprocess_communicate(bash, "exit 4\n", 7, NULL, NULL, 0);
    assert_int_equal(r, 4);
    yibu_subprocess_free(bash);
    return 0;
}

/* cat | sort | uniq -c, the pipes between them the kernel's alone. */

LOOP_TEST(a_pipeline_of_three_programs_counts_lines)
{
    int first[2], second[2];
    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    yibu_subprocess *cat = start(ARGV("cat"), YIBU_SUBPROCESS_PIPE, first[1], 0);
    yibu_subprocess *sort = start(ARGV("sort"), first[0], second[1], 0);
    yibu_subprocess *uniq = start(ARGV("uniq", "-c"), second[0], YIBU_SUBPROCESS_PIPE, 0);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
    static const char *const words[] = {"tea\n", "cup\n", "pot\n"};
    for (int i = 0; i < 30000; i++) {
        assert_int_equal(yibu_stream_write(yibu_subprocess_stdin(cat), words[i % 3], 4), 0);
        assert_int_equal(yibu_stream_drain(yibu_subprocess_stdin(cat)), 0);
    }
    yibu_stream_close(yibu_subprocess_stdin(cat));
    yibu_buffer output = {0};
    int r = yibu_subprocess_communicate(uniq, NULL, 0, &output, NULL, 1000);
    assert_int_equal(r, 0);
    static const char wanted[] = "  10000 cup\n  10000 pot\n  10000 tea\n";
    assert_int_equal(output.size, sizeof(wanted) - 1);
    assert_memory_equal(output.data, wanted, output.size);
    assert_int_equal(yibu_subprocess_wait(cat), 0);
    assert_int_equal(yibu_subprocess_wait(sort), 0);
    yibu_buffer_free(&output);
    yibu_subprocess_free(cat);
    yibu_subprocess_free(sort);
    yibu_subprocess_free(uniq);
    return 0;
}

/* sftp-server, by its protocol (draft-ietf-secsh-filexfer-02): a length, a kind, an id, the
 * rest. */

enum {
    INIT = 1,
    VERSION = 2,
    OPEN = 3,
    CLOSE = 4,
    READ = 5,
    OPENDIR = 11,
    READDIR = 12,
    REALPATH = 16,
    STATUS = 101,
    HANDLE = 102,
    DATA = 103,
    NAME = 104
};

typedef struct packet {
    uint8_t bytes[70000];
    size_t size, at;
} packet;

static void put_u32(packet *p, uint32_t value)
{
    value = htonl(value);
    memcpy(p->bytes + p->size, &value, 4);
    p->size += 4;
}

static void put_text(packet *p, const void *text, size_t size)
{
    put_u32(p, (uint32_t)size);
    memcpy(p->bytes + p->size, text, size);
    p->size += size;
}

static uint32_t get_u32(packet *p)
{
    uint32_t value;
    assert_true(p->at + 4 <= p->size);
    memcpy(&value, p->bytes + p->at, 4);
    p->at += 4;
    return ntohl(value);
}

/* A view of the packet, NUL-terminated in *ret_text where that is not NULL. */
static size_t get_text(packet *p, char *ret_text, size_t room)
{
    size_t size = get_u32(p);
    assert_true(p->at + size <= p->size);
    assert_true(size < room);
    memcpy(ret_text, p->bytes + p->at, size);
    ret_text[size] = '\0';
    p->at += size;
    return size;
}

static void begin(packet *p, uint8_t kind, uint32_t id)
{
    p->bytes[0] = kind;
    p->size = 1;
    put_u32(p, id);
}

static int exchange(yibu_subprocess *server, packet *p)
{
    uint32_t length = htonl((uint32_t)p->size);
    const struct iovec pieces[] = {{&length, 4}, {p->bytes, p->size}};
    assert_int_equal(yibu_stream_writelines(yibu_subprocess_stdin(server), pieces, 2), 0);
    yibu_stream *from = yibu_subprocess_stdout(server);
    assert_int_equal(yibu_stream_readexactly(from, &length, 4), 0);
    p->size = ntohl(length);
    assert_true(p->size > 0 && p->size <= sizeof(p->bytes));
    assert_int_equal(yibu_stream_readexactly(from, p->bytes, p->size), 0);
    p->at = 1;
    return p->bytes[0];
}

static size_t ask_path(yibu_subprocess *server, packet *p, uint8_t kind, const char *path,
                       int answer, char *ret_text)
{
    begin(p, kind, 7);
    put_text(p, path, strlen(path));
    if (kind == OPEN) {
        put_u32(p, 1); /* to be read */
        put_u32(p, 0); /* no attributes */
    }
    assert_int_equal(exchange(server, p), answer);
    assert_int_equal(get_u32(p), 7);
    if (answer == NAME)
        assert_int_equal(get_u32(p), 1);
    return get_text(p, ret_text, 256);
}

static bool list(yibu_subprocess *server, packet *p, const char *handle, size_t size,
                 const char *wanted)
{
    char name[256], longer[512];
    for (;;) {
        begin(p, READDIR, 8);
        put_text(p, handle, size);
        if (exchange(server, p) != NAME)
            return false;
        get_u32(p);
        for (uint32_t left = get_u32(p); left > 0; left--) {
            get_text(p, name, sizeof(name));
            get_text(p, longer, sizeof(longer));
            if (strcmp(name, wanted) == 0)
                return true;
            assert_int_equal(get_u32(p), 0xf); /* size, owner, mode, times */
            p->at += 28;
        }
    }
}

LOOP_TEST(sftp_server_serves_over_its_standard_streams)
{
    static const char path[] = "/usr/lib/openssh/sftp-server";
    struct stat about;
    if (stat(path, &about) < 0) {
        print_message("there is no sftp-server here\n");
        return 0;
    }
    char folder[] = "/tmp/yibu-test-XXXXXX", file[64], text[256];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/content", folder);
    FILE *content = fopen(file, "w");
    fputs("hello", content);
    fclose(content);

    packet *p = calloc(1, sizeof(*p));
    yibu_subprocess *server = start(ARGV(path), YIBU_SUBPROCESS_PIPE, YIBU_SUBPROCESS_PIPE, 0);
    begin(p, INIT, 3);
    assert_int_equal(exchange(server, p), VERSION);
    assert_int_equal(get_u32(p), 3);
    char detour[80];
    snprintf(detour, sizeof(detour), "%s/../%s", folder, folder + strlen("/tmp/"));
    ask_path(server, p, REALPATH, detour, NAME, text);
    assert_string_equal(text, folder);
    size_t size = ask_path(server, p, OPENDIR, folder, HANDLE, text);
    assert_true(list(server, p, text, size, "content"));
    size = ask_path(server, p, OPEN, file, HANDLE, text);
    begin(p, READ, 9);
    put_text(p, text, size);
    put_u32(p, 0);
    put_u32(p, 1);
    put_u32(p, 100);
    assert_int_equal(exchange(server, p), DATA);
    get_u32(p);
    get_text(p, text, sizeof(text));
    assert_string_equal(text, "ello");
    assert_int_equal(yibu_subprocess_communicate(server, NULL, 0, NULL, NULL, 0), 0);
    yibu_subprocess_free(server);
    free(p);
    unlink(file);
    rmdir(folder);
    return 0;
}

LOOP_TEST(stty_sees_the_terminal_and_every_change_of_its_size)
{
    yibu_subprocess *bash =
        start(ARGV("bash", "-c",
                   "trap 'stty size; exit 0' WINCH; stty -a | grep -o speed.*baud; "
                   "while :; do sleep 0.01; done"),
              YIBU_SUBPROCESS_PTY, YIBU_SUBPROCESS_PTY, YIBU_SUBPROCESS_PTY);
    yibu_stream *terminal = yibu_subprocess_stdout(bash);
    char *line;
    assert_int_equal(yibu_stream_readline(terminal, &line), 18);
    assert_memory_equal(line, "speed 38400 baud\r\n", 18);
    yibu_stream_info about = {.size = sizeof(about)};
    yibu_stream_get_extra_info(terminal, &about);
    assert_int_equal(yibu_tty_set_size(about.fd, 44, 99), 0);
    assert_int_equal(yibu_stream_readline(terminal, &line), 7);
    assert_memory_equal(line, "44 99\r\n", 7);
    assert_int_equal(yibu_subprocess_wait(bash), 0);
    yibu_subprocess_free(bash);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shell_answers_one_command_after_the_other),
        cmocka_unit_test(a_shell_at_a_terminal_has_its_line_edited),
        cmocka_unit_test(a_pipeline_of_three_programs_counts_lines),
        cmocka_unit_test(sftp_server_serves_over_its_standard_streams),
        cmocka_unit_test(stty_sees_the_terminal_and_every_change_of_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
