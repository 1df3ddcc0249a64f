/*
 * json_worker - a program that is kept running, one for each thread: an item's fields go to it as a line of JSON, its
 * outputs come back as one.
 *
 * Several lines are on their way at a time, as many as the engine hands over at once, so that the program does not wait
 * for us. It answers in order; when it dies, the first item without an answer is the one it died of, and another one is
 * started for the rest. Made for a job (registry.h: made).
 */
#ifndef SHEAF_KERNEL_JSON_WORKER_H
#define SHEAF_KERNEL_JSON_WORKER_H

#include "core/error.h"
#include "core/text.h"
#include "job/job.h"
#include "kernel/host.h"
#include "kernel/registry.h"

/* Makes the entry for the job's worker; refuses a program that is not there. On rank 0 `identity` gets what the worker is,
   with fingerprints of its files. Job, fields and host are borrowed. */
int sheaf_json_worker_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                           const struct kernel_host *host, struct sheaf_string *identity, struct sheaf_error *error);

#endif
