/* Pages that are alike. */
#ifndef CRAWL_GROUPS_H
#define CRAWL_GROUPS_H

#include "report.h"

/* Fills in the report's groups.  Returns 0 or -ENOMEM. */
int groups_find(struct report *report);

#endif
