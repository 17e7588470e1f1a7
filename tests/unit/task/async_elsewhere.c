#include "async_elsewhere.h"

int elsewhere_move(point from, int by, point *ret)
{
    int r = yibu_yield();
    if (r < 0)
        return r;
    *ret = (point){from.x + by, from.y + by};
    return 0;
}

int elsewhere_nothing(void)
{
    return yibu_yield();
}

yibu_task *elsewhere_start(point from, int by)
{
    return yibu_start(elsewhere_move, from, by);
}
