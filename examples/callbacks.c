/* The callback form, without a task: copies standard input to standard output.
 *
 * An operation is the caller's memory.  A start that returns 0 calls back exactly once, later, from
 * the loop; one that fails never does.  Bindings for other languages build on this form, and keep
 * their own coroutines. */
#include <stdio.h>
#include <unistd.h>
#include <yibu.h>

typedef struct copy {
    yibu_loop *loop;
    yibu_op op; /* one at a time: a read, then writes until all of it is out */
    ssize_t filled, written, result;
    char buffer[4096];
} copy;

static void read_more(copy *c);
static void write_rest(copy *c);

static void end(copy *c, ssize_t result)
{
    c->result = result;
    yibu_loop_stop(c->loop);
}

static void on_read(yibu_op *op, ssize_t n)
{
    copy *c = op->arg;
    c->filled = n;
    c->written = 0;
    if (n > 0)
        write_rest(c);
    else
        end(c, n);
}

static void on_written(yibu_op *op, ssize_t n)
{
    copy *c = op->arg;
    c->written += n;
    if (n < 0)
        end(c, n);
    else if (c->written < c->filled)
        write_rest(c);
    else
        read_more(c);
}

static void read_more(copy *c)
{
    c->op.callback = on_read;
    int r = yibu_op_read(c->loop, &c->op, STDIN_FILENO, c->buffer, sizeof(c->buffer), -1);
    if (r < 0)
        end(c, r);
}

static void write_rest(copy *c)
{
    size_t rest = (size_t)(c->filled - c->written);
    c->op.callback = on_written;
    int r = yibu_op_write(c->loop, &c->op, STDOUT_FILENO, c->buffer + c->written, rest, -1);
    if (r < 0)
        end(c, r);
}

int main(void)
{
    copy c = {0};
    c.op.arg = &c;
    int r = yibu_loop_new(NULL, &c.loop);
    if (r == 0) {
        read_more(&c);
        yibu_run_forever(c.loop);
        yibu_loop_free(c.loop);
        r = (int)c.result;
    }
    if (r < 0)
        fprintf(stderr, "callbacks: %s\n", yibu_strerror(r));
    return r < 0;
}
