/* What came of work that was submitted to another thread or process. */
#ifndef RESULT_H
#define RESULT_H

#include "test.h"

/* Its result, and the end of the caller's reference. */
static inline intptr_t result_of(yibu_concurrent_future *future)
{
    intptr_t result = yibu_concurrent_future_result(future, YIBU_FOREVER);
    yibu_concurrent_future_unref(future);
    return result;
}

#endif
