/* Events from the inside, for select. */
#ifndef YB_SYNC_EVENT_H
#define YB_SYNC_EVENT_H

#include "task/wait.h"

extern const yb_waitable_class yb_event_class;

#endif
