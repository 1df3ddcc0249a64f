/*
 * pool - the chunks in hand, and the cursor by which threads draw grains from them (R3).
 *
 * A pool belongs to a rank, or, in memory that they share, to all ranks of a node: whichever thread is free takes the
 * next grain, by one compare-and-swap. One thread, the leader's thread 0, posts chunks into the pool's seats; a seat is
 * free again when all blocks of its chunk are finished. All memory is the caller's and holds no pointers.
 */
#ifndef SHEAF_PLAN_POOL_H
#define SHEAF_PLAN_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/span.h"

/* Seats that a pool may have: a block that takes long keeps its seat, and when all seats are kept, idle threads get
   nothing. So about as many as a node has threads, where chunks are small enough. */
enum { POOL_SEATS = 64 };

/* A place for a chunk. Blocks have positions in the pool that only ever grow, so that a cursor that is late cannot take
   a block of a chunk that came into the same seat since. */
struct pool_seat {
    _Atomic(int64_t) base, n; /* the chunk's blocks are at positions base … base + n - 1 */
    _Atomic(int64_t) first;   /* block at position base */
    _Atomic(int64_t) n_unfinished;
};

struct pool {
    _Alignas(64) _Atomic(int64_t) next;    /* position of the first block that nobody has taken */
    _Alignas(64) _Atomic(int64_t) posted;  /* position behind the last one posted */
    _Atomic(int64_t) block_ns;             /* what a block costs at present, 0 while unknown; the leader's estimate */
    _Atomic(int64_t) low;                  /* blocks: the leader is woken when fewer are left untaken */
    _Atomic(int32_t) n_threads, n_hungry;  /* threads that draw; of these, waiting for a grain */
    _Atomic(bool) closed;                  /* nothing more will be posted */
    _Atomic(bool) alone;                   /* one block at a time, in the whole run */
    _Atomic(uint32_t) posts;               /* futex: changes with every post and when the pool is closed */
    _Alignas(64) _Atomic(int64_t) busy_ns; /* time in the kernel, of all grains finished so far */
    _Atomic(int64_t) n_finished;           /* blocks */
    _Atomic(int64_t) n_safe; /* while alone: position behind the last block whose rows are written and synced */
    size_t seat_bytes;       /* memory of each seat, behind this struct */
    int64_t grain_ns;        /* work of a grain, about */
    int64_t most_grain;      /* blocks of a grain, at most; 0: any number */
    int32_t n_seats;         /* that there is memory for */
    _Atomic(int32_t) hint;   /* the seat that was drawn from last */
    _Alignas(64) struct pool_seat seats[POOL_SEATS];
};

/* A run of blocks of one chunk. */
struct grain {
    int seat;
    struct span blocks;
};

/* Memory for a pool whose chunks have up to seat_bytes, 64-byte aligned: about 32 MB at most, but four seats at least. */
size_t sheaf_pool_bytes(size_t seat_bytes);

/* For the leader, before anybody else uses the pool. */
void sheaf_pool_open(struct pool *pool, size_t seat_bytes);

/* Where the packed chunk of a seat lies: [pool->seat_bytes]. */
char *sheaf_pool_data(struct pool *pool, int seat);

/* --- for the leader */

/* A seat without a chunk, or -1. */
int sheaf_pool_free_seat(const struct pool *pool);

/* Lets the threads draw from the chunk that was put into a free seat. */
void sheaf_pool_post(struct pool *pool, int seat, struct span blocks);

/* Nothing more will come. */
void sheaf_pool_close(struct pool *pool);

/* --- for everybody; thread-safe */

/* Blocks that nobody has taken. */
int64_t sheaf_pool_untaken(const struct pool *pool);

/* Takes the next grain: about a quarter of a millisecond of work, or a block where one takes longer. False: there is
   none. */
bool sheaf_pool_take(struct pool *pool, struct grain *grain);

/* The grain's blocks are final and its chunk's memory is not used any more. True if its seat is free now. */
bool sheaf_pool_finish(struct pool *pool, const struct grain *grain, double busy_s);

/* Wakes all who sleep on pool->posts. */
void sheaf_pool_wake(struct pool *pool);

#endif
