/* The process executor that a loop makes for itself: its own pool, which so far only the loop
 * knew. */
#include "proc/process_executor.h"

#include "exec/defaults.h"

int yb_default_processes_new(yibu_loop *loop, yibu_executor **ret_executor)
{
    const yibu_process_pool_options options = {.size = sizeof(options),
                                               .max_workers = loop->options.max_processes,
                                               .nice = loop->options.process_nice};
    return yb_process_executor_new(&options, true, ret_executor);
}
