/* Jobs in worker processes: each runs inline, whole, at one instant, in the memory of the program:
 * a job that crashes takes the simulation with it, but the seed may let its worker die.  Its input
 * and output are copied all the same.  There is no line, so priorities decide nothing; what only a
 * process of its own can have (limits of memory, processors, an environment, a folder, captured
 * output) is refused. */
#include "sim/processes.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/deadline.h"
#include "base/memory.h"
#include "base/options.h"
#include "proc/job.h"
#include "proc/payload.h"
#include "sim/errand.h"
#include "sim/network.h"
#include "sim/trace.h"
#include <yibu/error.h>

typedef struct call {
    yb_sim_errand errand; /* first */
    yb_op *op;
    yb_job_request request;
    yibu_buffer output;
    intptr_t status;
    bool died;
    unsigned attempts;
    int64_t began_ns;
} call;

static call *call_of(yb_list *links)
{
    return YB_CONTAINER_OF(links, call, errand.links);
}

static void leave(call *c)
{
    yb_sim_errand_stop(&c->errand);
    yb_list_unlink(&c->errand.links);
    yibu_payload_free(c->request.payload);
    yibu_buffer_free(&c->output);
    yb_free(c);
}

static intptr_t run_function(yibu_job_function *function, yibu_bytes input, yibu_buffer *output)
{
    void *copy = NULL;
    if (input.size > 0) {
        copy = yb_malloc(input.size);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, input.data, input.size);
    }
    intptr_t status = function((yibu_bytes){copy, input.size}, output);
    yb_free(copy);
    return status;
}

/* A message of the job's, which comes as it is sent. */
static bool tell(void *arg, yibu_bytes message, bool must)
{
    const yb_job_request *request = &((const call *)arg)->request;
    if (request->listener.take)
        return request->listener.take(request->listener.arg, message, must);
    if (request->options.on_message)
        request->options.on_message(message, request->options.message_arg);
    return true;
}

static void run(yb_sim_errand *errand)
{
    call *c = (call *)(void *)errand;
    const yibu_job *job = c->request.job;
    if (!job->function)
        job = yb_job_find(job->name, strlen(job->name));
    c->status = YIBU_ENOJOB;
    if (yb_sim_traces(errand->sim))
        yb_sim_trace(errand->sim, "process", "runs job %s", c->request.job->name);
    if (!job || !job->function)
        return;
    yibu_loop *loop = yb_sim_leave_loop(errand->sim);
    const yb_listener listener = {tell, c};
    yb_listener_here = &listener;
    c->status = run_function(job->function, c->request.input, &c->output);
    yb_listener_here = NULL;
    yb_sim_enter_loop(errand->sim, loop);
}

static void fill_report(const call *c)
{
    yibu_job_report *to = c->request.options.report;
    if (!to)
        return;
    yibu_job_report report = {.worker = 1, .exit_status = -1};
    report.attempts = c->attempts;
    report.run_ns = c->errand.sim->now_ns - c->began_ns;
    if (c->died)
        report.signal = SIGKILL;
    yb_options_give(to, &report, sizeof(report));
}

/* Decides at the beginning what is to become of it, after delay_ns at least. */
static void start(call *c, int64_t delay_ns)
{
    yb_sim *sim = c->errand.sim;
    int64_t limit_ns = c->request.options.timeout_ns;
    bool dies = yb_sim_faulty(sim, sim->chances.job);
    bool late = !dies && limit_ns > 0 && limit_ns <= sim->options.work_ns && yb_sim_below(sim, 2);
    c->began_ns = yb_deadline_after(sim->now_ns, delay_ns);
    c->died = dies || late;
    c->status = dies ? YIBU_EWORKER : -ETIMEDOUT;
    if (c->died)
        yb_sim_errand_fail_after(&c->errand, delay_ns, dies ? sim->options.work_ns : limit_ns);
    else
        yb_sim_errand_start(&c->errand, delay_ns);
}

/* Its worker has died: whether it is tried again.  The seed decides anew what becomes of it. */
static bool retry(call *c)
{
    const yibu_job_options *options = &c->request.options;
    if (c->status != YIBU_EWORKER || !c->died || c->attempts >= options->max_attempts)
        return false;
    start(c, yb_job_retry_delay(options->retry_delay_ns, c->attempts));
    return true;
}

static void finish(yb_sim_errand *errand)
{
    call *c = (call *)(void *)errand;
    c->attempts++;
    if (retry(c))
        return;
    yb_op *op = c->op;
    intptr_t status = c->status;
    yibu_buffer *to = c->request.ret_output;
    errand->sim->spared = true;
    if (to && c->output.size > 0 && yibu_buffer_append(to, c->output.data, c->output.size) < 0)
        status = -ENOMEM;
    if (c->request.ret_payload && c->output.size > 0 &&
        yb_payload_of_buffer(&c->output, c->request.ret_payload) < 0)
        status = -ENOMEM;
    errand->sim->spared = false;
    fill_report(c);
    if (c->died && yb_sim_traces(errand->sim))
        yb_sim_trace(errand->sim, "process", "dies of job %s", c->request.job->name);
    leave(c);
    yb_op_complete_soon(op, status);
}

/* The worker of a job that runs would be killed: it ends at once either way. */
static bool cancel(yb_op *op)
{
    leave(op->custom_data);
    return true;
}

static bool needs_process(const yibu_job_options *options)
{
    return options->memory_bytes || options->cpus || options->env_changes || options->cwd ||
           options->out != YIBU_JOB_STDIO_PASS || options->err != YIBU_JOB_STDIO_PASS;
}

static int begin(yb_job_executor *executor, yb_op *op, const yb_job_request *request)
{
    if (needs_process(&request->options))
        return -ENOTSUP;
    yb_sim_processes *processes = YB_CONTAINER_OF(executor, yb_sim_processes, executor);
    yb_sim *sim = processes->sim;
    call *c = yb_sim_allocate(sim, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->errand.sim = sim;
    c->errand.run = run;
    c->errand.finish = finish;
    c->op = op;
    c->request = *request;
    yb_list_push_back(&processes->busy, &c->errand.links);
    yb_op_begin_custom(sim->loop, op, cancel, c);
    start(c, 0);
    return 0;
}

static void end(yb_loop_part *part)
{
    yb_sim_processes *processes = YB_CONTAINER_OF(part, yb_sim_processes, executor.part);
    processes->sim->loop->parts[YB_PART_PROCESSES] = NULL;
    while (!yb_list_empty(&processes->busy)) {
        call *c = call_of(processes->busy.next);
        yb_op_complete_soon(c->op, -ECANCELED);
        leave(c);
    }
}

void yb_sim_processes_abandon(yb_sim *sim)
{
    while (!yb_list_empty(&sim->processes.busy))
        leave(call_of(sim->processes.busy.next));
}

void yb_sim_processes_install(yb_sim *sim)
{
    yb_sim_processes *processes = &sim->processes;
    processes->sim = sim;
    processes->executor.part = (yb_loop_part){.free = end};
    processes->executor.begin = begin;
    yb_list_init(&processes->busy);
    sim->loop->parts[YB_PART_PROCESSES] = &processes->executor.part;
}
