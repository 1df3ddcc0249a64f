/*
 * isolate_hand - the child of a thread that runs an isolated kernel: how it is started, listened to and buried.
 */
#ifndef SHEAF_KERNEL_ISOLATE_HAND_H
#define SHEAF_KERNEL_ISOLATE_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/stopwatch.h"
#include "kernel/isolate/isolate.h"
#include "process/keeper.h"
#include "process/server.h"

/* A thread's child, or the place of one. */
struct isolated_hand {
    struct keeper keeper;
    bool running;
    int socket;
    int memory_fd; /* of blocks, or -1 */
    char *memory;
    size_t n_bytes;
    size_t *at;      /* [n_inputs + n_outputs] the columns in it; the child's copy is not to be trusted */
    uint64_t number; /* of the last request */
    struct sheaf_buffer notes;
};

/* Makes the hand of a thread, without a child; n_columns of a block. Release with sheaf_isolate_hand_close. */
int sheaf_isolate_hand_open(struct isolated_hand **hand, int n_columns, struct sheaf_error *error);

/* Starts a child, and waits until it has opened the kernel; its notes are then in hand->notes. The image is that of isolate_order.c, with the shared data
   behind it; `name` is the kernel's, for messages. */
int sheaf_isolate_start(struct isolated_hand *hand, struct server *server, int image_fd,
                        const struct isolate_birth *birth, const char *name, struct sheaf_error *error);

/* What came of waiting for an answer. */
enum isolate_news { ISOLATE_ANSWER, ISOLATE_DEATH, ISOLATE_TIMEOUT };

/* Waits for the child's answer, for at most timeout_s seconds unless that is 0; its notes are then in hand->notes. The
   child of a context, which may be NULL, is told when the run is to end. What was
   said before a death still counts. */
enum isolate_news sheaf_isolate_listen(struct isolated_hand *hand, double timeout_s,
                                       const struct sheaf_context *context, struct isolate_answer *answer);

/* Kills the child if it is alive; *end says how it died. */
void sheaf_isolate_bury(struct isolated_hand *hand, struct program_end *end);

/* How it died: "killed by signal 11 (Segmentation fault)". Returns `text`. */
const char *sheaf_isolate_describe(const struct program_end *end, char text[128]);

/* Lets the child end by itself; sheaf_isolate_hand_close waits for that, until the watch shows limit_s, and then kills it.
   Gives whether it ended by itself. */
void sheaf_isolate_dismiss(struct isolated_hand *hand);
bool sheaf_isolate_hand_close(struct isolated_hand *hand, struct stopwatch *watch, double limit_s);

#endif
