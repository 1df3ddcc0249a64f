/*
 * loop_inside - what the files of the loop share: loop.c (the loop, chunks asked for, rows sent), loop_receive.c (messages
 * that come in), loop_early.c (draining, leaving, giving up). All is thread 0's. Private to them.
 */
#ifndef SHEAF_APP_LOOP_INSIDE_H
#define SHEAF_APP_LOOP_INSIDE_H

#include "app/feeder.h"
#include "app/freight.h"
#include "app/loop.h"
#include "app/outbox.h"
#include "core/buffer.h"

enum tag {
    TAG_ASK = 1, /* to rank 0: a struct chunk_ask */
    TAG_CHUNK,   /* from rank 0: a packed chunk, without blocks at the end */
    TAG_ROWS,    /* to rank 0: parcels of finished rows, and a seal */
    TAG_COUNTS,  /* to rank 0: a struct progress_message */
    TAG_BYE,     /* to rank 0: the rank has sent its last row */
    TAG_END,     /* from rank 0: everybody has; nothing more will come */
    TAG_LEFT,    /* to rank 0: int32[2] pool and its ranks; the sender has left, with nothing at work */
    TAG_DRAIN,   /* to rank 0, and from it to all: begin no more items */
    TAG_WARNING, /* to rank 0: char[WARNING_BYTES], what the kernel warns of */
    TAG_FAULT,   /* to rank 0: a struct sheaf_error; the rank cannot go on */
};

struct loop {
    const struct loop_setup *setup;
    struct comm_self self;
    struct feeder feeder;
    struct outbox out;
    struct sheaf_buffer in;
    struct freight rows;         /* to send */
    double shipped_s, counted_s; /* when rows, and counts, were sent last */
    struct team_counts counted;  /* that rank 0 knows of */
    int seat;                    /* that a chunk was asked for, or -1 */
    enum loop_end why;           /* it drains */
    double longest_s, flush_s;   /* rank 0: that a block took, and making rows safe, anywhere */
    bool draining;               /* the team begins no more grains */
    bool told;                   /* rank 0 knows that we drain */
    bool bye;                    /* TAG_BYE is sent */
    bool end;                    /* TAG_END has come */
    int n_present;               /* rank 0: other ranks that have not said bye, */
    int n_hopeless;              /* whose teams are hopeless */
    int drain_told, end_told;    /* rank 0: ranks below these have been sent TAG_DRAIN, TAG_END */
    bool failed;                 /* the run is given up */
    struct sheaf_error error;
};

/* What a rank tells of its progress. */
struct progress_message {
    int64_t n_done, n_failed;  /* items whose rows it wrote itself, since the last message */
    double longest_s, flush_s; /* that a block took, and making rows safe */
    int hopeless;              /* 1: its team has become so, -1: it is so no more */
};

static inline bool sheaf_loop_is_first(const struct loop *loop) {
    return loop->self.rank == 0;
}

/* Functions of an int return 0, or -1 with loop->error set: the run is then given up. *did becomes true where there was
   something to do, and stays as it is else. */

/* Sends finished rows: all that are there if `now`, else when it is worth it. */
int sheaf_loop_ship_rows(struct loop *loop, bool now, bool *did);

/* The chunk of a seat is there. */
void sheaf_loop_seat_chunk(struct loop *loop, int seat);

/* Takes what has come in, as long as there is a slot for an answer; not for ever, since the own team waits too. */
int sheaf_loop_receive(struct loop *loop, bool *did);

/* Nothing is begun any more. */
void sheaf_loop_drain(struct loop *loop, enum loop_end why);

/* Looks whether the run is to drain, and passes it on: other ranks tell rank 0, rank 0 tells all. */
int sheaf_loop_look_for_drain(struct loop *loop);

/* TERM, INT or HUP: lets finished rows arrive, for a short while, and leaves; rank 0 before the others, since the launcher
   kills all when one is gone. Does not return where setup->leave does not. */
void sheaf_loop_leave(struct loop *loop);

/* The run cannot go on: rank 0 reports it at once and ends the run; another rank tells rank 0 and waits for that. */
void sheaf_loop_give_up(struct loop *loop);

#endif
