/* Futures: results that will be there later (asyncio.Future).
 *
 * A task is a future that a coroutine completes; the two are one type, so whatever takes a future
 * takes a task.  A result in [-65535, -1] is a failure (<yibu/base.h>). */
#ifndef YIBU_FUTURE_H
#define YIBU_FUTURE_H

#include <yibu/base.h>

typedef struct yibu_future yibu_future;
typedef struct yibu_future yibu_task;

#endif
