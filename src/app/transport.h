/*
 * transport - which ranks open the input and the results file themselves (R9).
 *
 * gather: those on rank 0's node; field data and rows of the others travel by message. direct: all. A rank that may
 * does two things: it maps the fields that lie in one piece in a file, or in tiles that its threads decode (app/tiled.h), so
 * that they are not carried, and it writes its rows in place. A field may so lie in the input (hdf5), or as a copy in the results file (a table's numbers). Where the
 * results file lies on a network file system, whose caches reorder, only rank 0 writes.
 */
#ifndef SHEAF_APP_TRANSPORT_H
#define SHEAF_APP_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/tiled.h"
#include "comm/comm.h"
#include "core/error.h"
#include "core/file.h"
#include "job/items.h"
#include "job/job.h"
#include "kernel/binding.h"
#include "plan/proof.h"
#include "plan/row_sink.h"

/* Where the values of a field lie that threads may read: of the type that the kernel reads, in one piece, or in tiles of the
   input. */
enum field_file { FIELD_NOWHERE, FIELD_IN_INPUT, FIELD_IN_RESULTS, FIELD_IN_TILES };
struct field_place {
    int64_t file; /* enum field_file */
    int64_t offset;
    int64_t proof_table; /* of the hashes of its segments, in the results file; 0: it has none */
    struct tiled_place tiled;
};

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
    struct tiled tiled;    /* fields that threads decode */
    char *input;           /* the file that is mapped, and how it was then; NULL: no field of it is */
    struct sheaf_stamp stamp;
    double check_s;               /* how often that is to be verified */
    struct sheaf_mapping mapping; /* of the input, */
    struct sheaf_mapping copies;  /* and of the results file */
    bool proves;                  /* its threads hash what they read of the input, as all others' do (plan/proof.h) */
    struct proof proof;           /* where they do */
    struct row_sink own;
    char *output;
};

/* What is to be shared; on other ranks than 0 only job, kernel, asked, n_threads and durable matter. */
struct transport_setup {
    const struct job *job;
    const struct binding *kernel;
    const struct asked *asked; /* items */
    int n_threads;             /* of this rank, that compute */
    uint64_t token;            /* of the results file, and where it will lie: for journals of texts */
    uint64_t last_journal;     /* the highest number of one that was there when the run began */
    const char *results;
    bool durable;                /* statuses wait until their rows are synced, on any disk */
    const struct items *items;   /* as opened, */
    const int64_t *copies;       /* [n_fields] and where the results file has their fields (store/results.h); */
    const int64_t *proof_tables; /* [n_fields] the same of hashes of their segments, where these are in segments */
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
