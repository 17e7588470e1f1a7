/* How the heap treats buffers that come and go with each page. */
#ifndef CRAWL_MEMORY_H
#define CRAWL_MEMORY_H

/* Lets the heap keep what is freed: pages are of much the same size, and memory that was given back
 * to the system costs about 2 us a page (of 4 KiB) to be had again.  For the whole process. */
void memory_keep(void);

#endif
