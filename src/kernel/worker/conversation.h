/*
 * conversation - a program that is kept running, and the pipes to it: what a worker's thread talks through.
 *
 * Knows nothing of items or JSON. Our ends of the pipes never wait.
 */
#ifndef SHEAF_KERNEL_CONVERSATION_H
#define SHEAF_KERNEL_CONVERSATION_H

#include <stdbool.h>

#include "core/buffer.h"
#include "core/error.h"
#include "kernel/program/capture.h"
#include "process/keeper.h"

struct conversation {
    struct keeper keeper;
    bool running;
    bool begun;                 /* it was seen to have read of what was written to it: it has started */
    size_t n_written;           /* bytes written to it */
    bool mute;                  /* the last one was stopped: it had closed its standard output, and went on */
    int to, from, err;          /* our ends of its pipes, -1 where closed */
    struct sheaf_buffer answer; /* what it has said on standard output and nobody has taken */
    struct capture said;        /* on standard error: the end of it */
    struct program_end end;     /* of the last one that ran */
    double leave_s;             /* when it was told that there is nothing more to do */
};

void sheaf_conversation_init(struct conversation *c);

/* Starts the program; its descriptors are ours to set. */
int sheaf_conversation_start(struct conversation *c, struct server *server, struct program *program,
                             struct sheaf_error *error);

/* Writes to its standard input what fits there. Returns how many bytes it took, which is all if it does not listen any
   more: that it has ended will be seen. */
size_t sheaf_conversation_write(struct conversation *c, const char *data, size_t n_bytes);

/* Looks whether it has read something of that, or does not listen any more, for c->begun; true when that is new. Before
   it does a program may import large libraries. */
bool sheaf_conversation_look(struct conversation *c);

/* Takes what has come on standard output behind c->answer, and on standard error. */
int sheaf_conversation_read(struct conversation *c, struct sheaf_error *error);
void sheaf_conversation_hear(struct conversation *c);

/* The last line that it said on standard error, as ": …", or "". */
const char *sheaf_conversation_last_words(struct conversation *c, char text[256]);

/* Waits for the end of the program, having killed it if that is asked for: c->end says how it was. */
void sheaf_conversation_end(struct conversation *c, bool kill);

/* Ends its input, so that it may end by itself; it has a moment from here on. */
void sheaf_conversation_leave(struct conversation *c);

/* Waits out that moment where it is needed, and releases everything. */
void sheaf_conversation_close(struct conversation *c);

#endif
