/*
 * check - what a run of a job would do, without doing it: for a person before a long run, and for scripts.
 *
 * Opens the job as a run does, and with it its items, kernel and results file, but takes no lock and writes nothing.
 */
#ifndef SHEAF_APP_CHECK_H
#define SHEAF_APP_CHECK_H

#include "app/pipeline.h"

/* What to print: everything, or one value alone. */
enum check_print { CHECK_ALL, CHECK_RESULTS, CHECK_ITEMS, CHECK_PENDING };

/* Tells on stdout. Returns the exit code: that with which a run would refuse to begin, or 0. Collective. */
int sheaf_check(const struct run_options *options, enum check_print print);

struct stage;

/* How many bytes a new results file of a stage takes; texts come on top. */
int64_t sheaf_check_bytes(const struct stage *stage);

#endif
