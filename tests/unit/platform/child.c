#include "child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

static void be_child(void (*fn)(void), int output)
{
    static const int handled_by_cmocka[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof handled_by_cmocka / sizeof *handled_by_cmocka; i++)
        signal(handled_by_cmocka[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    dup2(output, STDERR_FILENO);
    fn();
    _exit(0);
}

void child_run(void (*fn)(void), child_result *ret_result)
{
    int ends[2];
    size_t length = 0;
    YB_ASSERT(pipe(ends) == 0);
    fflush(NULL);
    pid_t pid = fork();
    YB_ASSERT(pid >= 0);
    if (pid == 0)
        be_child(fn, ends[1]);
    close(ends[1]);
    for (ssize_t n = 1; n > 0; length += (size_t)n) {
        n = read(ends[0], ret_result->said + length, sizeof ret_result->said - 1 - length);
        YB_ASSERT(n >= 0);
    }
    close(ends[0]);
    ret_result->said[length] = '\0';
    YB_ASSERT(waitpid(pid, &ret_result->status, 0) == pid);
}

bool child_died_of(const child_result *result, int signal_number)
{
    return WIFSIGNALED(result->status) && WTERMSIG(result->status) == signal_number;
}

bool child_exited_with(const child_result *result, int code)
{
    return WIFEXITED(result->status) && WEXITSTATUS(result->status) == code;
}
