/*
 * transport - which ranks open the input and the results file themselves (R9).
 *
 * gather: those on rank 0's node; field data and rows of the others travel by message. direct: all. A rank that may
 * does two things: it maps the fields that lie in one piece in the input, so that they are not carried, and it writes
 * its rows in place. Where the results file lies on a network file system, whose caches reorder, only rank 0 writes.
 */
#ifndef SHEAF_APP_TRANSPORT_H
#define SHEAF_APP_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/comm.h"
#include "core/error.h"
#include "core/file.h"
#include "job/items.h"
#include "job/job.h"
#include "kernel/binding.h"
#include "plan/proof.h"
#include "plan/row_sink.h"

/* What this rank does. */
struct transport {
    bool restored;         /* texts, whose folder was removed (plan/journal.h) */
    bool direct;           /* what was chosen */
    const char *why;       /* a few words */
    bool maps;             /* the same on all ranks of a node */
    const char **mapped;   /* [n_inputs] item 0 of a field that is mapped, NULL where it is not; NULL: nothing is */
    bool notes;            /* all ranks of this one's pool write, and note what they compute */
    bool writes;           /* rows, through `sink` */
    int n_blind;           /* rank 0: how many ranks do not see the results file */
    struct row_sink *sink; /* rank 0's own, or `own` */
    char *input;           /* the file that is mapped, and how it was then */
    struct sheaf_stamp stamp;
    double check_s; /* how often that is to be verified */
    struct sheaf_mapping mapping;
    bool proves;        /* its threads hash what they read of the input, as all others' do (plan/proof.h) */
    struct proof proof; /* where they do */
    struct row_sink own;
    char *output;
};

/* What is to be shared; on other ranks than 0 only job, kernel, asked and durable matter. */
struct transport_setup {
    const struct job *job;
    const struct binding *kernel;
    const struct asked *asked; /* items */
    uint64_t token;            /* of the results file, and where it will lie: for journals of texts */
    uint64_t last_journal;     /* the highest number of one that was there when the run began */
    const char *results;
    bool durable;                /* statuses wait until their rows are synced, on any disk */
    const struct items *items;   /* as opened */
    const int64_t *proof_tables; /* [n_fields] of the items, where these are in segments */
    struct row_sink *sink;
    const char *output; /* where the results file is at present */
    off_t mark_offset;  /* a number in it that only this run can have written: when the run began */
    double mark;
};

/* Chooses, opens and verifies. Collective; agrees on the outcome. Release with sheaf_transport_close. */
int sheaf_transport_open(struct transport *transport, struct comm *comm, const struct transport_setup *setup,
                         struct sheaf_error *error);

/* Makes what this rank wrote last, and closes. */
int sheaf_transport_close(struct transport *transport, struct sheaf_error *error);

#endif
