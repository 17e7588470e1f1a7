/* A look at a watched loop, and what it tells. */
#ifndef YB_LOOP_STALL_LOOK_H
#define YB_LOOP_STALL_LOOK_H

#include "loop/stall.h"

/* The longest pause between two looks. */
enum { YB_STALL_PAUSE_NS = 1000000000 };

typedef enum yb_stall_news { YB_STALL_NONE, YB_STALL_HELD, YB_STALL_ENDED } yb_stall_news;

/* Looks once.  HELD: a report is due; ENDED: the run that was reported is over.  Context: the
 * watchdog, under its lock. */
yb_stall_news yb_stall_look(yb_stall_watch *watch, int64_t now_ns);

/* How long until the next look. */
int64_t yb_stall_pause(const yb_stall_watch *watch);

#endif
