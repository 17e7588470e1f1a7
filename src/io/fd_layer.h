/* The layer of a descriptor, for who wants the descriptor itself. */
#ifndef YB_IO_FD_LAYER_H
#define YB_IO_FD_LAYER_H

#include <yibu/layer.h>

/* Whether the layer is nothing but a descriptor of the kernel's. */
bool yb_layer_is_fd(const yibu_layer *layer);

#endif
