/*
 * command - one program an item: its words from the item's fields, its output captured, its values found in what it wrote.
 *
 * The table is made for a job (registry.h: made) by command_read.c; an item's program runs under the keeper of the
 * thread that computes it, command.c.
 */
#ifndef SHEAF_KERNEL_COMMAND_H
#define SHEAF_KERNEL_COMMAND_H

#include "core/arena.h"
#include "core/error.h"
#include "core/text.h"
#include "job/job.h"
#include "kernel/command/extract.h"
#include "kernel/host.h"
#include "kernel/registry.h"
#include "kernel/program/template.h"

/* Makes the entry for the job's command; refuses what cannot work: names that nobody knows, a program that is not there.
   On rank 0 `identity` gets what the command is, with fingerprints of its files. Job, fields and host are borrowed. */
int sheaf_command_make(struct kernel_entry *entry, struct job *job, const struct sheaf_field *fields, int n_fields,
                       const struct kernel_host *host, struct sheaf_string *identity, struct sheaf_error *error);

/* --- between the two files ----------------------------------------------------------------------------------------- */

/* What is stored of every command, behind the outputs that the job asks for. */
enum standard { EXIT_CODE, SIGNAL, USER_SECONDS, SYSTEM_SECONDS, PEAK_RSS, HOST, STDOUT, STDERR, N_STANDARD };

/* What a thread keeps from item to item. */
struct command_hand;

struct command {
    const struct job *job;
    const struct kernel_host *host;
    struct sheaf_arena arena;
    int n_inputs;
    struct sheaf_field *inputs;
    int n_outputs; /* that the job asks for; N_STANDARD more follow */
    struct sheaf_field *outputs;
    int n_words;
    struct template *words;
    struct template values; /* of a script */
    struct template input;
    struct extractor *extractors; /* [n_outputs] */
    int n_sources;                /* 0 is standard output, others are files */
    const char **source;          /* [n_sources] */
    int *source_of;               /* [n_outputs] */
    const char *folder;           /* of the job file */
    bool sets_threads;            /* OMP_NUM_THREADS is not set */
    char here[256];               /* host name */
    struct command_hand *hands[HOST_MOST_THREADS];
};

int sheaf_command_tell(const void *made, const struct sheaf_block *block, struct sheaf_string *text,
                       struct sheaf_error *error);
int sheaf_command_again(const void *made, const struct sheaf_context *context, const struct sheaf_block *block,
                        struct kernel_written *written, struct sheaf_error *error);
int sheaf_command_map(const void *self, const struct sheaf_context *context, const struct sheaf_block *block);
void sheaf_command_close_hand(struct command_hand *hand);

#endif
