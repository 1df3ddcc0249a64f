/*
 * message - what a compute thread and its keeper say to each other; private to process/.
 *
 * To the keeper: a start_head with three descriptors, followed by its texts; or one with neither words nor a function,
 * to stop what runs, which may come too late. From it: a struct program_end for each start.
 */
#ifndef SHEAF_PROCESS_MESSAGE_H
#define SHEAF_PROCESS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct start_head {
    size_t n_bytes;  /* of the terminated texts that follow: folder, words, settings */
    int32_t n_words; /* 0, and no function: stop */
    int32_t n_settings;
    int32_t stays; /* no folder is to be entered */
    int32_t unused;
    void (*run)(const int *fds); /* in place of words; an address: the keeper is a copy of the program */
    double time_s; /* start: how long it may run, 0: for ever; stop: between TERM and KILL, 0: KILL at once */
};

/* The life of a keeper: starts what its socket asks for, one after the other, until the other side closes it. */
void sheaf_keep(int socket);

#endif
