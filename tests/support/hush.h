/* An exception handler for loops in which things fail because the test makes them fail. */
#ifndef HUSH_H
#define HUSH_H

#include "test.h"

static inline void test_hush(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
}

#endif
