/* Payloads: large inputs and outputs of jobs, handed over without a copy; and messages, which a job
 * sends while it runs.
 *
 *     yibu_payload *picture, *result;
 *     if ((r = yibu_payload_new(NULL, size, &picture)) < 0)
 *         return r;
 *     decode(yibu_payload_data(picture), size);          // written in place
 *     r = yibu_to_process_payload(&sharpen_job, picture, &result, NULL);
 *     show(yibu_payload_data(result), yibu_payload_size(result));
 *     yibu_payload_free(result);
 *
 * A payload is memory that one worker shares with this process.  It goes to that worker, unless
 * that one has died or is busy for longer than a copy takes: then another gets a copy.  A result is
 * a payload of the worker that made it, and may be the input of the next job, again without a copy.
 * It stays readable, whatever becomes of the worker, until it is freed.
 *
 * While its worker lives, that worker can still write to it: a job that misbehaves can change what
 * was checked a moment ago.  Who minds that copies first (yibu_payload_copy), or uses
 * yibu_to_process, which always copies.
 *
 * Limits: a worker has 16 GiB for inputs and 16 GiB for outputs (less under `ulimit -f` and `-v`),
 * in at most 512 pieces each.  What is held counts: without room, yibu_payload_new answers -EAGAIN,
 * and a job's yibu_buffer_reserve -ENOMEM. */
#ifndef YIBU_PAYLOAD_H
#define YIBU_PAYLOAD_H

#include <yibu/base.h>
#include <yibu/buffer.h>
#include <yibu/executor.h>
#include <yibu/iterator.h>
#include <yibu/job.h>
#include <yibu/op.h>

typedef struct yibu_payload yibu_payload;

YIBU_BEGIN_DECLS

/* Memory for a job's input, of zeroes or what an earlier payload left there, for a worker of the
 * executor (NULL: of the one that yibu_to_process_payload uses in the running loop); starts a
 * worker where there is none.  All of it is there when the call returns: writing to it never fails
 * for want of memory.
 * Context: any thread for an executor, which a thread that is not its home blocks for; for NULL a
 * loop's.  Checkpoint in a task, for more than 4 MiB or another loop's executor; else it does not
 * suspend.
 * Returns 0; -EAGAIN where payloads that are held leave no room; -ENOMEM; -ECANCELED; -EINVAL;
 * -ENOTSUP where the executor is not one of processes; YIBU_ESHUTDOWN; YIBU_ENOTASK without a loop;
 * or what prevented a worker from being started. */
YIBU_API int yibu_payload_new(yibu_executor *executor, size_t size, yibu_payload **ret_payload);

/* Its bytes, aligned to 4096 (in a simulation to 16); NULL for NULL.  Context: any thread. */
YIBU_API void *yibu_payload_data(const yibu_payload *payload);
YIBU_API size_t yibu_payload_size(const yibu_payload *payload);

/* Makes it shorter: what a job then sees.  Context: its owner.  Returns 0 or -EINVAL. */
YIBU_API int yibu_payload_shrink(yibu_payload *payload, size_t size);

/* Appends its bytes to *buffer: a copy that no worker reaches.  Never suspends.  Context: any
 * thread.
 * Returns 0, -EINVAL or -ENOMEM. */
YIBU_API int yibu_payload_copy(const yibu_payload *payload, yibu_buffer *buffer);

/* Frees it; its memory beyond what a lane keeps goes back at once.  NULL is fine.  Never suspends.
 * Context: any thread. */
YIBU_API void yibu_payload_free(yibu_payload *payload);

/* yibu_to_process with a payload for an input (NULL: none), which is taken over whatever this
 * returns, and is freed when the job has ended; and with *ret_output for an output (NULL: dropped):
 * NULL where the job did not run or wrote nothing, else the caller's to free, also where the job's
 * status is a failure.  A job may change its input in place; one that is tried again then sees
 * that.
 * Checkpoint.  Cancel, context and results: as yibu_to_process. */
YIBU_API intptr_t yibu_to_process_payload(const yibu_job *job, yibu_payload *input,
                                          yibu_payload **ret_output,
                                          const yibu_job_options *options);

/* The callback form; *ret_output is set before the callback runs. */
YIBU_API int yibu_op_to_process_payload(yibu_loop *loop, yibu_op *op, const yibu_job *job,
                                        yibu_payload *input, yibu_payload **ret_output,
                                        const yibu_job_options *options);

/* Has a job run by a worker of the executor, which must be one of processes, with a payload for an
 * input, that is taken over whatever this returns; as yibu_executor_submit_job else.  Context: any
 * thread.  Returns as that, and -EINVAL for NULL. */
YIBU_API int yibu_executor_submit_payload(yibu_executor *executor, const yibu_job *job,
                                          yibu_payload *input, const yibu_job_options *options,
                                          yibu_concurrent_future **ret_future);

/* The output of such a job whose future is done, from now on the caller's to free: NULL where the
 * job did not run, wrote nothing, or it was taken already.  What nobody takes goes with the future.
 * Context: any thread, one at a time.  Returns 0, -EINPROGRESS, or -EINVAL where it is no job's
 * future. */
YIBU_API int yibu_concurrent_future_take_payload(yibu_concurrent_future *future,
                                                 yibu_payload **ret_payload);

/* The messages of a job that was submitted with keep_messages, as an async iterator: each item is a
 * yibu_bytes *, there until the next call; the end comes with the job's.  Up to 256 KiB wait in the
 * future; beyond that and what its worker's lane holds the job waits, so somebody has to take them,
 * or to close the iterator, after which they go nowhere.
 * One for a future.  Context: any thread; the iterator is then one task's.  Its next: checkpoint.
 * Returns NULL where there is no memory, the future is not such a job's, or it has had one. */
YIBU_API yibu_iterator *yibu_concurrent_future_messages(yibu_concurrent_future *future);

/* Sends a message to whoever awaits the job that runs: to the on_message of its options, or to
 * yibu_concurrent_future_messages.  In order, and before the job's end; also where the job then
 * crashes.  Without anybody who takes messages they go nowhere.  Waits, blocking, while 256 KiB of
 * them have not been taken; the job can be cancelled meanwhile.  A job that is tried again sends
 * its messages again.
 * Context: the thread that a job was called on.
 * Returns 0; -EMSGSIZE above 64 KiB; -EINVAL; -ENOTSUP outside a job and in a child of one; -EBADF
 * where as much has not been taken, and the job has closed what its worker tells that with. */
YIBU_API int yibu_job_send(const void *data, size_t size);

YIBU_END_DECLS

#endif
