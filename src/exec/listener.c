#include "exec/listener.h"

_Thread_local const yb_listener *yb_listener_here;
