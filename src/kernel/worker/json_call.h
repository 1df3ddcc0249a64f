/*
 * json_call - the items of one call of a worker's map: which of them have an answer, and what answers say.
 *
 * Takes lines that have come; starting, asking and waiting for a worker is json_worker's.
 */
#ifndef SHEAF_KERNEL_JSON_CALL_H
#define SHEAF_KERNEL_JSON_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/kernel.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "job/job.h"
#include "kernel/host.h"
#include "kernel/worker/conversation.h"

/* Lines before the first answer that are no JSON object: a library may greet. */
struct odd_line {
    int n;
    char last[100]; /* the last one, or its beginning, */
    char why[80];   /* and why it is no JSON, or "" */
    double since_s; /* when it came, on the hand's watch, where the worker had begun to read; else 0 */
};

/* A thread's worker, kept from call to call. */
struct hand {
    struct conversation talk;
    struct sheaf_buffer lines;        /* what it is to be asked in this call */
    struct sheaf_buffer found;        /* a text value */
    bool has_answered;                /* since it was started; before, it is asked one line only */
    struct odd_line odd;              /* what it has said instead */
    bool babbles;                     /* one before it has said nothing else */
    bool told;                        /* that it does */
    bool chats;                       /* one before it did answer after such lines, which mean no harm */
    struct stopwatch watch;           /* counts the time of items */
    int64_t trusted_first, trusted_n; /* items of the last call, whose answers did not say which they are for */
};

struct json_worker {
    const struct job *job;
    const struct kernel_host *host;
    struct sheaf_arena arena;
    int n_inputs;
    struct sheaf_field *inputs;
    int n_outputs;
    struct sheaf_field *outputs;
    int n_words;
    const char **words;
    const char *folder;
    bool sets_threads;
    struct hand *hands[HOST_MOST_THREADS];
};

/* One call of map. */
struct call {
    const struct json_worker *w;
    const struct sheaf_context *context;
    const struct sheaf_block *block;
    struct hand *hand;
    int64_t next;         /* the first item without an answer: a line begins with it */
    int64_t single_until; /* items before this one have a line of their own: the worker died at a line of several */
    size_t written;       /* bytes of the lines */
    double since_s;       /* when the item at `next` could begin, on the hand's stopwatch; */
    double asked_s;       /* when the worker was asked, on sheaf_clock_s */
    bool out_of_step;     /* what it answers cannot be told apart any more: it must be replaced */
    int64_t surely;       /* items before this one are answered by the first line from this worker, or another's */
    bool trusting;        /* an answer since then did not say which item it is for */
};

/* Items of the line that begins with item k. */
int64_t sheaf_json_call_count(const struct call *call, int64_t k);

/* Ends an item that failed: all its outputs have the fill value. */
void sheaf_json_call_fail_item(const struct call *call, int64_t k, enum sheaf_outcome outcome, const char *message);

/* Ends all items of the line at `next` so. */
void sheaf_json_call_fail(struct call *call, enum sheaf_outcome outcome, const char *format, ...) SHEAF_PRINTF(3, 4);

/* Leaves all items of the line at `next` pending. */
void sheaf_json_call_give_back(struct call *call);

/* Ends the line at `next` as failed, as the worker wrote something else in place of its first answer. */
void sheaf_json_call_fail_odd(struct call *call);

/* Takes the answer to the line at `next`. */
void sheaf_json_call_take(struct call *call, const char *line, size_t length);

/* Whether the line that has come, which nobody has asked for, is an answer. */
bool sheaf_json_call_is_surplus(const struct call *call);

/* Takes the whole lines that have come; behind the last item's answer there should be none. */
void sheaf_json_call_take_all(struct call *call);

#endif
