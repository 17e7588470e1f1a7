/* Descriptors of the kernel's are passed through where the answer is there at once: files,
 * terminals, pipes with room or data in them.  What would have to be waited for fails, since nobody
 * knows when it would come in virtual time; but standard output and error are waited for, while the
 * virtual clock stands still.  Sockets of the kernel's are another world. */
#include "sim/file.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/attempt.h"
#include "platform/file_call.h"
#include "sim/trace.h"

static bool regular(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

static ssize_t write_fault(yb_sim *sim)
{
    if (!yb_sim_faulty(sim, sim->chances.write))
        return 0;
    return yb_sim_below(sim, 2) ? -ENOSPC : -EIO;
}

static ssize_t injected(yb_sim *sim, const yb_op *op)
{
    if (!regular(op->fd))
        return 0;
    if (!yb_op_writes(op))
        return yb_sim_faulty(sim, sim->chances.read) ? -EIO : 0;
    return write_fault(sim);
}

static void shorten(yb_sim *sim, yb_op *op)
{
    if (op->size > 1 && regular(op->fd) && yb_sim_faulty(sim, sim->chances.short_transfer))
        op->size -= yb_sim_below(sim, op->size);
}

static ssize_t transfer(yb_op *op)
{
    ssize_t r;
    while ((r = yb_attempt(op)) == -EAGAIN && (op->fd == STDOUT_FILENO || op->fd == STDERR_FILENO))
        (void)poll(&(struct pollfd){.fd = op->fd, .events = POLLOUT}, 1, -1);
    return r;
}

static int refuse(yb_sim *sim, const yb_op *op)
{
    yb_loop_report(sim->loop, -ENOTSUP,
                   "descriptor %d is the kernel's, and the simulation cannot wait for it", op->fd);
    return -ENOTSUP;
}

/* Calls on files that fail by the seed; the others run where functions on threads do. */
static int submit_call(yb_sim *sim, yb_op *op)
{
    const yb_file_call *call = op->file;
    if (call->verb == YB_FILE_READ || call->verb == YB_FILE_READV)
        op->result = yb_sim_faulty(sim, sim->chances.read) ? -EIO : 0;
    else if (call->verb == YB_FILE_WRITE || call->verb == YB_FILE_WRITEV)
        op->result = write_fault(sim);
    else
        op->result = 0;
    return op->result < 0 ? 1 : -ENOTSUP;
}

int yb_sim_file_submit(yb_sim *sim, yb_op *op)
{
    if (op->kind == YB_OP_FILE)
        return submit_call(sim, op);
    if (op->kind != YB_OP_READ && op->kind != YB_OP_WRITE)
        return refuse(sim, op);
    op->result = injected(sim, op);
    if (op->result == 0) {
        shorten(sim, op);
        op->result = transfer(op);
    }
    return op->result == -EAGAIN ? refuse(sim, op) : 1;
}
