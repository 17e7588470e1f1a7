/* HTML, as the demonstration's site writes it. */
#ifndef DEMO_MARKUP_H
#define DEMO_MARKUP_H

#include <stddef.h>
#include <stdio.h>

void markup_escaped(FILE *page, const char *text, size_t size);
void markup_link(FILE *page, const char *path, const char *name);

/* The beginning of a page, up to the inside of its navigation. */
void markup_head(FILE *page, const char *title);

/* A source text with numbered lines and marked words. */
void markup_lines(FILE *page, const char *text, size_t size);

#endif
