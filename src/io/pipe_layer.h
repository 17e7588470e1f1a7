/* Pipes and terminals as layers. */
#ifndef YB_IO_PIPE_LAYER_H
#define YB_IO_PIPE_LAYER_H

#include "loop/loop.h"
#include <yibu/layer.h>

/* Whether fd is one of these: not in a simulation, which sees to descriptors itself. */
bool yb_pipe_layer_fits(const yibu_loop *loop, int fd);

/* Takes fd over.  Whether it is in blocking mode is looked at now; its mode is never changed. */
int yb_pipe_layer_new(yibu_loop *loop, int fd, yibu_layer **ret_layer);

#endif
