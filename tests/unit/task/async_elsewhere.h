/* Typed coroutines that one file defines and others, C++ among them, call. */
#ifndef ASYNC_ELSEWHERE_H
#define ASYNC_ELSEWHERE_H

#include <yibu.h>

typedef struct point {
    int x, y;
} point;

YIBU_BEGIN_DECLS

YIBU_ASYNC_DECLARE(point, elsewhere_move, point, from, int, by);
YIBU_ASYNC_DECLARE(void, elsewhere_nothing);

/* Starts elsewhere_move there. */
yibu_task *elsewhere_start(point from, int by);

YIBU_END_DECLS

#endif
