/* The program as a process: what it is told in its environment, and what it leaves behind. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yibu/error.h>

enum { RECORD_CHOICES = 1 << 22 };

extern char **environ;

int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

__attribute__((noreturn)) static void give_up(const char *what, int error)
{
    fprintf(stderr, "yibu sim: %s: %s\n", what, strerror(error));
    exit(2);
}

/* Gone with this program, however it ends. */
static int make_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        give_up("memfd_create", errno);
    return fd;
}

/* Where other processes find such a file. */
static const char *path_of(int fd, char ret_path[64])
{
    snprintf(ret_path, 64, "/proc/%ld/fd/%d", (long)getpid(), fd);
    return ret_path;
}

static const size_t record_bytes = sizeof(yibu_sim_record) + RECORD_CHOICES * sizeof(uint64_t);

static void map_record(program *p)
{
    if (ftruncate(p->record_fd, (off_t)record_bytes) < 0)
        give_up("ftruncate", errno);
    p->record = mmap(NULL, record_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->record_fd, 0);
    if (p->record == MAP_FAILED)
        give_up("mmap", errno);
    memcpy(p->record->magic, "yibusim1", sizeof(p->record->magic));
    p->record->capacity = RECORD_CHOICES;
}

void program_open(program *p, const sim_options *options)
{
    *p = (program){.options = options, .pidfd = -1};
    p->record_fd = make_file("yibu-sim-record");
    p->trace_fd = make_file("yibu-sim-trace");
    p->choices_fd = make_file("yibu-sim-choices");
    map_record(p);
}

void program_close(program *p)
{
    if (p->pid > 0) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        close(p->pidfd);
    }
    munmap(p->record, record_bytes);
    close(p->record_fd);
    close(p->trace_fd);
    close(p->choices_fd);
}

/* Starting. */

static void write_choices(const program *p, const choices *list)
{
    char path[64];
    FILE *file = fopen(path_of(p->choices_fd, path), "we");
    if (!file)
        give_up("a file for choices", errno);
    choices_print(list, '\n', file);
    if (fclose(file) != 0)
        give_up("a file for choices", errno);
}

static void set(const char *name, const char *value)
{
    if (value ? setenv(name, value, 1) : unsetenv(name))
        give_up(name, errno);
}

static void set_environment(const program *p, const run *r)
{
    char seed[32], path[64], from[80];
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)r->seed);
    snprintf(from, sizeof(from), "@%s", path_of(p->choices_fd, path));
    set("YIBU_SIM_SEED", seed);
    set("YIBU_SIM_CHOICES", r->list ? from : p->options->choices);
    set("YIBU_SIM_RECORD", path_of(p->record_fd, path));
    set("YIBU_SIM_TRACE", r->trace ? path_of(p->trace_fd, path) : NULL);
}

static void empty_files(const program *p, const run *r)
{
    p->record->runs = p->record->choices = p->record->steps = 0;
    p->record->failure = 0;
    if (r->trace && ftruncate(p->trace_fd, 0) < 0)
        give_up("ftruncate", errno);
    if (r->list)
        write_choices(p, r->list);
}

static int silence(posix_spawn_file_actions_t *actions, bool show_output)
{
    int e = posix_spawn_file_actions_init(actions);
    for (int fd = STDOUT_FILENO; !e && !show_output && fd <= STDERR_FILENO; fd++)
        e = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_WRONLY, 0);
    return e;
}

void program_start(program *p, const run *r)
{
    posix_spawn_file_actions_t actions;
    empty_files(p, r);
    set_environment(p, r);
    fflush(NULL);
    int e = silence(&actions, r->show_output);
    if (!e)
        e = posix_spawnp(&p->pid, p->options->command[0], &actions, NULL, p->options->command,
                         environ);
    if (e)
        give_up(p->options->command[0], e);
    posix_spawn_file_actions_destroy(&actions);
    p->pidfd = pidfd_open(p->pid, 0);
    if (p->pidfd < 0) {
        e = errno;
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, NULL, 0);
        give_up("pidfd_open", e);
    }
    p->seed = r->seed;
    p->deadline_ns = now_ns() + (int64_t)p->options->timeout_s * 1000000000;
}

/* Ending. */

static outcome judge(const program *p, int status, bool hung)
{
    const yibu_sim_record *record = p->record;
    return (outcome){.status = status,
                     .hung = hung,
                     .ran = record->runs > 0,
                     .failure = (intptr_t)record->failure,
                     .steps = record->steps,
                     .made = record->choices};
}

bool program_poll(program *p, outcome *ret_outcome)
{
    int status;
    bool late = now_ns() >= p->deadline_ns;
    if (late)
        (void)kill(p->pid, SIGKILL);
    pid_t ended = waitpid(p->pid, &status, late ? 0 : WNOHANG);
    if (ended < 0)
        give_up("waitpid", errno);
    if (ended == 0)
        return false;
    close(p->pidfd);
    p->pid = 0;
    *ret_outcome = judge(p, status, late);
    return true;
}

outcome program_run(program *p, const run *r)
{
    outcome o;
    program_start(p, r);
    while (!program_poll(p, &o)) {
        int64_t left_ms = (p->deadline_ns - now_ns()) / 1000000 + 1;
        (void)poll(&(struct pollfd){.fd = p->pidfd, .events = POLLIN}, 1, (int)left_ms);
    }
    return o;
}

void program_print_trace(const program *p)
{
    char buffer[65536];
    off_t at = 0;
    for (ssize_t n; (n = pread(p->trace_fd, buffer, sizeof(buffer), at)) > 0; at += n)
        (void)fwrite(buffer, 1, (size_t)n, stdout);
}

choices program_choices(const program *p)
{
    uint64_t made = p->record->choices;
    size_t length = made < RECORD_CHOICES ? (size_t)made : RECORD_CHOICES;
    choices list = choices_copy((const uint64_t *)(const void *)(p->record + 1), length);
    choices_trim(&list);
    return list;
}

bool outcome_failed(const outcome *o)
{
    return o->hung || o->status != 0;
}

bool outcome_same(const outcome *a, const outcome *b)
{
    return a->hung == b->hung && a->status == b->status && a->failure == b->failure;
}

static const char *failure_text(intptr_t failure)
{
    switch (failure) {
    case -EDEADLK:
        return "deadlock";
    case -ELOOP:
        return "it reached its limit of steps";
    case -ETIME:
        return "it reached its limit of virtual time";
    default:
        return yibu_strerror(failure);
    }
}

const char *outcome_text(const outcome *o)
{
    static char text[256];
    int n;
    if (o->hung)
        n = snprintf(text, sizeof(text), "it hung, and was killed");
    else if (WIFSIGNALED(o->status))
        n = snprintf(text, sizeof(text), "it died of signal %d (%s)", WTERMSIG(o->status),
                     strsignal(WTERMSIG(o->status)));
    else
        n = snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(o->status));
    if (o->failure)
        snprintf(text + n, sizeof(text) - (size_t)n, ": %s", failure_text(o->failure));
    return text;
}
