/*
 * summary - the few lines that stand at the end of a run.
 */
#ifndef SHEAF_REPORT_SUMMARY_H
#define SHEAF_REPORT_SUMMARY_H

#include <stdint.h>
#include <stdio.h>

struct run_summary {
    const char *job_name, *output;
    int64_t n_items;                /* asked for: all, or those of --items */
    int64_t n_done, n_failed;       /* of these, now in the file */
    int64_t n_timed_out, n_crashed; /* of those that failed */
    int64_t n_skipped;              /* for want of an input */
    int64_t failed_item;            /* the first of those of this run; */
    const char *failed_message;     /* why; NULL: not known */
    int64_t most_messages;          /* that the file has room for; 0: not known */
    int64_t n_before;               /* of these, there before this run */
    double wall_s;                  /* of the run, from start to results closed */
    double compute_s;               /* of these, from the first chunk to the last row */
    int n_ranks, n_threads;         /* n_threads: compute threads of a rank */
    int n_nodes;
    const double *busy;              /* [n_ranks] share of compute_s x n_threads inside the kernel */
    const char *policy, *policy_why; /* "static"; why, where the choice was ours, else NULL */
    const char *transport, *transport_why;
    const char *ended;   /* why it ended early, or NULL */
    const char *changed; /* of what the job names, after those there before were computed: "a, b were"; or NULL */
    const char *reduced; /* of all items together: lines, or NULL */
    const char *lost;    /* what is to be said of texts that are gone, or NULL */
    const char *again;   /* what to type to go on: "the same command" */
};

/* Writes the summary, ending with what to type next. */
void sheaf_summary_write(FILE *out, const struct run_summary *summary);

#endif
