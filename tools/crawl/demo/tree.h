/* The files and folders of a source tree, as pages. */
#ifndef DEMO_TREE_H
#define DEMO_TREE_H

#include "site.h"

/* A page for each file that is text, up to max_files.  Returns 0, -ENOMEM, or -ENOENT where there
 * is none. */
int tree_add_files(struct site *site, const char *tree, size_t max_files);

/* A page for each folder on the way to a file, which links to what is in it.  Returns false for
 * want of memory. */
bool tree_add_folders(struct site *site);

#endif
