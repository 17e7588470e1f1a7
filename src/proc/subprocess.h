/* Children from the inside. */
#ifndef YB_PROC_SUBPROCESS_H
#define YB_PROC_SUBPROCESS_H

#include "proc/subprocess_plan.h"
#include "task/wait.h"

struct yibu_subprocess {
    yibu_loop *loop; /* NULL once that has ended */
    yb_list links;   /* among the loop's */
    yibu_stream *streams[3];
    pid_t pid;
    int pidfd; /* -1: none, before the child is there */
    bool leads_group;
    bool ended;
    bool released;    /* its owner has freed it; it goes when the child has been reaped */
    int code, signal; /* once it has ended */
    yb_op exit;       /* a poll of pidfd, under way until it has ended */
    yb_waiters waiters;
};

/* An object without a child, among the loop's.  NULL without memory. */
yibu_subprocess *yb_subprocess_new(yibu_loop *loop);

/* Gives it its child, and watches for the child's end.  After a failure the child is no more. */
int yb_subprocess_adopt(yibu_subprocess *process, yb_spawned *spawned);

#endif
