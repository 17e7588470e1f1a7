/* Creating a child: the plan and the streams are made here, the child on a thread, as that takes as
 * long as its program takes to be loaded.
 *
 * A creation is heap memory of its own.  The loop takes its result over (`done`); one that was
 * given up belongs to its thread, which kills the child that nobody wants (`release`).  The object
 * and its streams are the calling task's until the child is there. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/options.h"
#include "exec/executor.h"
#include "proc/subprocess.h"
#include "task/task.h"

enum { SPAWNERS = 8, ROWS = 24, COLUMNS = 80 };

typedef struct creation {
    yb_work work;
    yb_op *op;
    yb_plan plan;
    yb_spawned spawned;
    yibu_subprocess *process;
    yibu_subprocess_step *step;
} creation;

/* The thread's part. */

static intptr_t spawn(void *arg)
{
    creation *c = arg;
    return yb_plan_spawn(&c->plan, &c->spawned);
}

static void free_creation(creation *c)
{
    yb_plan_destroy(&c->plan);
    yb_free(c);
}

static void release(yb_work *work)
{
    creation *c = YB_CONTAINER_OF(work, creation, work);
    yb_spawned_kill(&c->spawned);
    free_creation(c);
}

static void done(yb_work *work)
{
    creation *c = YB_CONTAINER_OF(work, creation, work);
    yb_op *op = c->op;
    int r = (int)work->result;
    *c->step = r < 0 ? c->spawned.step : YIBU_SUBPROCESS_STEP_NONE;
    if (r == 0)
        r = yb_subprocess_adopt(c->process, &c->spawned);
    free_creation(c);
    yb_op_complete(op, r);
}

static int spawners_of(yibu_loop *loop, yb_executor **ret_executor)
{
    return yb_executor_of_part(loop, YB_PART_SPAWNERS, SPAWNERS, ret_executor);
}

static bool cancel(yb_op *op)
{
    creation *c = op->custom_data;
    yb_executor *executor;
    return spawners_of(op->loop, &executor) == 0 && executor->class->cancel(executor, &c->work);
}

static int start(yibu_loop *loop, yb_op *op, creation *c)
{
    static const yb_work_class class = {.done = done, .release = release};
    yb_executor *executor;
    int r = spawners_of(loop, &executor);
    if (r < 0)
        return r;
    c->op = op;
    c->work.fn = spawn;
    c->work.arg = c;
    c->work.class = &class;
    r = executor->class->submit(executor, &c->work);
    if (r == 0)
        yb_op_begin_custom(loop, op, cancel, c);
    return r;
}

/* Standard descriptors. */

static int make_stream(creation *c, int fd, const yibu_subprocess_options *options, int number)
{
    int r = fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0; /* ours alone */
    if (r == 0)
        r = yibu_stream_new(fd, &options->streams, &c->process->streams[number]);
    if (r < 0)
        close(fd);
    return r;
}

static int lay_pipe(creation *c, const yibu_subprocess_options *options, int number)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int ours = number == STDIN_FILENO;
    int r = make_stream(c, ends[ours], options, number);
    if (r == 0)
        return yb_plan_add_fd(&c->plan, ends[!ours], number);
    close(ends[!ours]);
    return r;
}

static int add_device(yb_plan *plan, const char *path, int number)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : yb_plan_add_fd(plan, fd, number);
}

static int open_terminal(const yibu_subprocess_options *options, int *ret_terminal)
{
    const struct winsize size = {.ws_row = options->rows ? options->rows : ROWS,
                                 .ws_col = options->columns ? options->columns : COLUMNS};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        return -errno;
    int terminal = -1;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ioctl(master, TIOCSWINSZ, &size) == 0)
        terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) {
        int error = errno;
        close(master);
        return -error;
    }
    *ret_terminal = terminal;
    return master;
}

static int add_terminal(creation *c, const yibu_subprocess_options *options, int number)
{
    yb_plan *plan = &c->plan;
    if (plan->terminal >= 0) { /* the second of them */
        c->process->streams[number] = c->process->streams[plan->terminal];
        return yb_plan_lend_fd(plan, plan->fds[plan->terminal_place].from, number);
    }
    int terminal = -1, master = open_terminal(options, &terminal);
    if (master < 0)
        return master;
    int r = make_stream(c, master, options, number);
    if (r < 0) {
        close(terminal);
        return r;
    }
    plan->terminal = number;
    plan->terminal_place = plan->fd_count;
    return yb_plan_add_fd(plan, terminal, number);
}

/* Where stdout leads is known by now. */
static int join_stdout(yb_plan *plan)
{
    for (size_t i = 0; i < plan->fd_count; i++)
        if (plan->fds[i].to == STDOUT_FILENO)
            return yb_plan_lend_fd(plan, plan->fds[i].from, STDERR_FILENO);
    return yb_plan_lend_fd(plan, STDOUT_FILENO, STDERR_FILENO);
}

static int add_standard(creation *c, const yibu_subprocess_options *options, int number, int what)
{
    switch (what) {
    case YIBU_SUBPROCESS_INHERIT:
        return 0;
    case YIBU_SUBPROCESS_PIPE:
        return lay_pipe(c, options, number);
    case YIBU_SUBPROCESS_DEVNULL:
        return add_device(&c->plan, "/dev/null", number);
    case YIBU_SUBPROCESS_PTY:
        return add_terminal(c, options, number);
    case YIBU_SUBPROCESS_STDOUT:
        return number == STDERR_FILENO ? join_stdout(&c->plan) : -EINVAL;
    default:
        return what > 0 ? yb_plan_lend_fd(&c->plan, what, number) : -EINVAL;
    }
}

static int add_descriptors(creation *c, const yibu_subprocess_options *options)
{
    int r = add_standard(c, options, STDIN_FILENO, options->in);
    if (r == 0)
        r = add_standard(c, options, STDOUT_FILENO, options->out);
    if (r == 0)
        r = add_standard(c, options, STDERR_FILENO, options->err);
    for (size_t i = 0; r == 0 && i < options->pass_fds_count; i++)
        r = yb_plan_lend_fd(&c->plan, options->pass_fds[i].fd, options->pass_fds[i].child_fd);
    return r;
}

/* All together. */

static creation *new_creation(yibu_loop *loop, yibu_subprocess_step *step)
{
    creation *c = yb_calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->spawned.pidfd = -1;
    c->step = step;
    c->process = yb_subprocess_new(loop);
    if (c->process)
        return c;
    yb_free(c);
    return NULL;
}

/* The object, its streams, and the work for the thread: under way unless this fails. */
static int begin(yb_task *task, const char *const *argv, const yibu_subprocess_options *options,
                 yibu_subprocess_step *step, yibu_subprocess **ret_process)
{
    creation *c = new_creation(task->future.loop, step);
    if (!c)
        return -ENOMEM;
    yibu_subprocess *process = c->process;
    int r = yb_plan_make(&c->plan, argv, options);
    if (r == 0)
        r = add_descriptors(c, options);
    process->leads_group = c->plan.terminal >= 0 || options->new_session || options->new_group;
    if (r == 0)
        r = start(task->future.loop, yb_task_prepare_op(task, YB_OP_CUSTOM, -1), c);
    if (r < 0) {
        free_creation(c);
        yibu_subprocess_free(process);
        return r;
    }
    *ret_process = process;
    return 0;
}

static int create(const char *const *argv, const yibu_subprocess_options *options,
                  yibu_subprocess_step *step, yibu_subprocess **ret_process)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    if (task->future.loop->backend->class->network)
        return -ENOTSUP; /* in a simulation there are no other programs */
    yibu_subprocess *process;
    r = begin(task, argv, options, step, &process);
    if (r == 0) {
        r = (int)yb_task_wait_op(task);
        if (r < 0)
            yibu_subprocess_free(process);
        else
            *ret_process = process;
    }
    return r;
}

int yibu_create_subprocess_exec(const char *const *argv, const yibu_subprocess_options *options,
                                yibu_subprocess **ret_process)
{
    yibu_subprocess_options taken;
    yibu_subprocess_step step = YIBU_SUBPROCESS_STEP_PREPARE;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (taken.streams.size == 0)
        taken.streams.size = sizeof(taken.streams);
    if (r < 0 || !argv || !argv[0] || !ret_process)
        return -EINVAL;
    r = create(argv, &taken, &step, ret_process);
    if (r < 0 && taken.ret_step)
        *taken.ret_step = step;
    return r;
}

int yibu_create_subprocess_shell(const char *command, const yibu_subprocess_options *options,
                                 yibu_subprocess **ret_process)
{
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    return command ? yibu_create_subprocess_exec(argv, options, ret_process) : -EINVAL;
}

const char *yibu_subprocess_step_name(yibu_subprocess_step step)
{
    static const char *const names[] = {"none",   "preparation", "spawn",
                                        "group",  "descriptors", "working directory",
                                        "limits", "user",        "exec"};
    return (size_t)step < sizeof(names) / sizeof(names[0]) ? names[step] : "";
}
