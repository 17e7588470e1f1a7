/* Intrusive lists: a circular doubly linked one, and a FIFO of runnables. */
#ifndef YB_BASE_LIST_H
#define YB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The object of TYPE whose MEMBER is at POINTER. */
#define YB_CONTAINER_OF(POINTER, TYPE, MEMBER) \
    ((TYPE *)(void *)((char *)(POINTER)-offsetof(TYPE, MEMBER)))

typedef struct yb_list {
    struct yb_list *next, *previous;
} yb_list;

static inline void yb_list_init(yb_list *list)
{
    list->next = list->previous = list;
}

static inline bool yb_list_empty(const yb_list *list)
{
    return list->next == list;
}

static inline void yb_list_push_back(yb_list *list, yb_list *item)
{
    item->next = list;
    item->previous = list->previous;
    list->previous->next = item;
    list->previous = item;
}

/* Also puts item behind another one that is in a list. */
static inline void yb_list_push_front(yb_list *list, yb_list *item)
{
    yb_list_push_back(list->next, item);
}

/* Takes item out of the list it is in, and leaves its own links as they were. */
static inline void yb_list_unlink(yb_list *item)
{
    item->next->previous = item->previous;
    item->previous->next = item->next;
}

/* Takes item out of the list it is in, and leaves it a list of its own. */
static inline void yb_list_remove(yb_list *item)
{
    yb_list_unlink(item);
    yb_list_init(item);
}

static inline yb_list *yb_list_pop_front(yb_list *list)
{
    yb_list *item = list->next;
    if (item == list)
        return NULL;
    yb_list_remove(item);
    return item;
}

/* Something that the loop runs once it is its turn: a task, a callback, a completed operation. */
typedef struct yb_runnable {
    struct yb_runnable *next;
    void (*run)(struct yb_runnable *self);
} yb_runnable;

typedef struct yb_fifo {
    yb_runnable *head, *tail;
} yb_fifo;

static inline void yb_fifo_push(yb_fifo *fifo, yb_runnable *item)
{
    item->next = NULL;
    if (fifo->head)
        fifo->tail->next = item;
    else
        fifo->head = item;
    fifo->tail = item;
}

static inline yb_runnable *yb_fifo_pop(yb_fifo *fifo)
{
    yb_runnable *item = fifo->head;
    if (item)
        fifo->head = item->next;
    return item;
}

#endif
