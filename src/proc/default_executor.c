/* The process executor that a loop makes for itself. */
#include <yibu/process_pool.h>

#include "exec/defaults.h"

int yb_default_processes_new(yibu_loop *loop, yibu_executor **ret_executor)
{
    const yibu_process_pool_options options = {.size = sizeof(options),
                                               .max_workers = loop->options.max_processes,
                                               .nice = loop->options.process_nice};
    return yibu_process_pool_executor_new(&options, ret_executor);
}
