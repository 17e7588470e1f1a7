/* What a crawler shall find besides good pages: links that lead nowhere, redirects, copies. */
#ifndef DEMO_CURIOSITIES_H
#define DEMO_CURIOSITIES_H

#include "site.h"

/* Links to them. */
void curiosities_link(FILE *page);

/* Adds them to a site that has its files.  Returns false for want of memory. */
bool curiosities_add(struct site *site);

#endif
