/* A line in two parts: a list for what comes in order, and a pairing heap (Fredman, Sedgewick,
 * Sleator and Tarjan, 1986) for what does not: other priorities, and turns that lie before the
 * list's last.  Whichever part's first is earlier is the first of all. */
#include "proc/turns.h"

#include <stddef.h>

void yb_turns_init(yb_turns *line)
{
    *line = (yb_turns){0};
    yb_list_init(&line->plain);
}

/* Turns. */

/* The source's place; a stranger takes over that of who asked least recently. */
static yb_turn_source *source_of(yb_turns *line, const void *who)
{
    yb_turn_source *oldest = &line->sources[0];
    for (yb_turn_source *s = line->sources; s < line->sources + YB_TURN_SOURCES; s++) {
        if (s->who == who)
            return s;
        if (s->last < oldest->last)
            oldest = s;
    }
    *oldest = (yb_turn_source){.who = who};
    return oldest;
}

uint64_t yb_turns_take_turn(yb_turns *line, const void *source)
{
    yb_turn_source *s = source_of(line, source);
    s->last = (s->last > line->served ? s->last : line->served) + 1;
    return s->last;
}

/* The heap. */

static yb_turn *item_of(yb_list *links)
{
    return links ? YB_CONTAINER_OF(links, yb_turn, links) : NULL;
}

static yb_turn *sibling_of(const yb_turn *item)
{
    return item_of(item->links.next);
}

static void set_sibling(yb_turn *item, yb_turn *next)
{
    item->links.next = next ? &next->links : NULL;
    if (next)
        next->back = item;
}

static bool before(const yb_turn *a, const yb_turn *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->turn <= b->turn;
}

/* One heap of two, either of which may be empty. */
static yb_turn *meld(yb_turn *a, yb_turn *b)
{
    if (!a || !b)
        return a ? a : b;
    yb_turn *root = before(a, b) ? a : b, *child = root == a ? b : a;
    set_sibling(child, root->child);
    child->back = root;
    root->child = child;
    root->links.next = NULL;
    root->back = NULL;
    return root;
}

static yb_turn *detach(yb_turn *item)
{
    item->links.next = NULL;
    item->back = NULL;
    return item;
}

/* One heap of siblings: in pairs, first to last, then all, last to first. */
static yb_turn *meld_siblings(yb_turn *first)
{
    yb_turn *pairs = NULL, *root = NULL;
    while (first) {
        yb_turn *second = sibling_of(first), *rest = second ? sibling_of(second) : NULL;
        detach(first);
        yb_turn *pair = second ? meld(first, detach(second)) : first;
        pair->links.next = pairs ? &pairs->links : NULL;
        pairs = pair;
        first = rest;
    }
    while (pairs) {
        yb_turn *next = sibling_of(pairs);
        root = meld(detach(pairs), root);
        pairs = next;
    }
    return root;
}

/* Cuts the item and what is below it out of the heap. */
static void cut(yb_turns *line, yb_turn *item)
{
    yb_turn *next = sibling_of(item);
    if (!item->back)
        line->heap = NULL;
    else if (item->back->child == item)
        item->back->child = next;
    else
        item->back->links.next = next ? &next->links : NULL;
    if (next)
        next->back = item->back;
}

static void heap_remove(yb_turns *line, yb_turn *item)
{
    cut(line, item);
    line->heap = meld(line->heap, meld_siblings(item->child));
    item->child = NULL;
    item->in_heap = false;
}

static void heap_add(yb_turns *line, yb_turn *item)
{
    item->child = NULL;
    item->in_heap = true;
    line->heap = meld(line->heap, detach(item));
}

/* The line. */

void yb_turns_enter(yb_turns *line, yb_turn *item)
{
    yb_list *plain = &line->plain;
    line->count++;
    item->in_heap = false;
    if (item->priority == 0 &&
        (yb_list_empty(plain) || item->turn >= item_of(plain->previous)->turn))
        yb_list_push_back(plain, &item->links);
    else if (item->priority == 0 && item->turn < item_of(plain->next)->turn)
        yb_list_push_front(plain, &item->links);
    else
        heap_add(line, item);
}

void yb_turns_leave(yb_turns *line, yb_turn *item)
{
    line->count--;
    if (item->in_heap)
        heap_remove(line, item);
    else
        yb_list_remove(&item->links);
}

void yb_turns_serve(yb_turns *line, yb_turn *item)
{
    if (item->turn > line->served)
        line->served = item->turn;
    yb_turns_leave(line, item);
}

yb_turn *yb_turns_first(const yb_turns *line)
{
    if (yb_list_empty(&line->plain))
        return line->heap;
    yb_turn *plain = item_of(line->plain.next);
    return line->heap && !before(plain, line->heap) ? line->heap : plain;
}
