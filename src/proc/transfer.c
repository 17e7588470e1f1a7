/* Inputs into a lane and outputs out of it.  Large ones are copied a slice in each turn of the
 * loop, so that nothing else waits for long; a worker whose input is on its way has no other job.
 */
#include <errno.h>

#include "proc/payload.h"
#include "proc/pool.h"

enum { SLICE_BYTES = 512 * 1024 };

/* How much of what is left to copy now: all that is left, where that is not much. */
static size_t slice_of(size_t left)
{
    return left > YB_TRANSFER_AT_ONCE ? SLICE_BYTES : left;
}

int yb_process_load(yb_process *process)
{
    const yibu_bytes *input = &process->loading->input;
    size_t size = slice_of(input->size - process->loaded);
    const char *from = (const char *)input->data + process->loaded;
    int r = yb_lane_write(&process->lane, process->loaded, from, size);
    process->loaded += size;
    return r < 0 ? r : process->loaded == input->size;
}

/* The buffer is as large as it was until all is there.  A worker that died leaves no time: its lane
 * is about to go. */
int yb_process_copy_output(yb_process *process, yibu_buffer *output)
{
    const yb_answer *answer = &process->answer;
    if (!process->copying) {
        int r = yibu_buffer_reserve(output, answer->output_size);
        if (r < 0)
            return r;
        process->copying = true;
        process->copied = 0;
    }
    size_t left = answer->output_size - process->copied;
    size_t size = process->state == YB_PROCESS_DYING ? left : slice_of(left);
    char *to = (char *)output->data + output->size + process->copied;
    int r = yb_lane_read(&process->lane, answer, process->copied, to, size);
    process->copied += size;
    if (r == 0 && process->copied < answer->output_size)
        return 0;
    process->copying = false;
    if (r < 0)
        return r;
    output->size += answer->output_size;
    return 1;
}

/* A worker that was asked for a piece, and put the output elsewhere: it is copied. */
static int hold_copy(yb_process *process, yibu_payload **ret_output)
{
    yibu_buffer copy = {0};
    int r = yb_process_copy_output(process, &copy);
    while (r == 0)
        r = yb_process_copy_output(process, &copy);
    if (r > 0 && yb_payload_of_buffer(&copy, ret_output) < 0)
        r = -ENOMEM;
    yibu_buffer_free(&copy);
    return r;
}

int yb_process_hold_output(yb_process *process, yibu_payload **ret_output)
{
    yb_answer *answer = &process->answer;
    if (answer->output < process->lane.layout.big_out)
        return hold_copy(process, ret_output);
    int r = yb_payload_of_lane(&process->lane, answer->output, answer->output_size, ret_output);
    answer->output_taken = r == 0;
    return r < 0 ? r : 1;
}
