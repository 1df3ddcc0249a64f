/*
 * keeper - a small process that starts one program at a time for a compute thread, and buries it.
 *
 * The program is in a process group of its own, with the descriptors, the folder and the environment that it was given. When
 * it has run for too long, or is to be stopped, its group gets TERM and, some time later, KILL; when it ends, what it left
 * behind is killed; when the thread's process dies, all are, after they had TERM and two seconds. Time in which the
 * keeper itself was stopped is not the program's. Of the environment, what belongs to the launcher of this
 * run (OMPI_*, PMIX_*, …) is taken away, so that the program may call mpirun itself.
 */
#ifndef SHEAF_PROCESS_KEEPER_H
#define SHEAF_PROCESS_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buffer.h"
#include "core/error.h"
#include "process/server.h"

/* A compute thread's end of it. Starts as {.fd = -1}. One thread uses it. */
struct keeper {
    int fd;
    struct sheaf_buffer message;
};

/* What to start. In place of words it may be a function of ours, in a fork of the keeper: a small process without MPI,
   HDF5 and threads, which has our standard descriptors, environment and folder, ignores TERM, INT, HUP, QUIT, USR1 and
   USR2, and ends with run's return. */
struct program {
    int n_words;
    const char *const *words; /* [n_words] the first is looked up in PATH unless it has a '/' */
    int n_settings;
    const char *const *settings; /* [n_settings] "NAME=VALUE" for the environment */
    const char *folder;          /* to be in; NULL: where we are */
    double timeout_s;            /* 0: none */
    int fds[3];                  /* standard input, output and error, or for `run`; copies are taken */
    void (*run)(const int *fds); /* NULL: the words say what runs */
};

/* The step at which starting failed. */
enum start_step { START_OK, START_FOLDER, START_EXEC, START_FORK, START_LOST /* the keeper died */ };

/* How it ended. */
struct program_end {
    int32_t step;   /* enum start_step; if not START_OK the program never ran */
    int32_t error;  /* errno of that */
    int32_t status; /* as wait() gives it */
    int32_t timed_out;
    double user_s, system_s; /* of it and all that it waited for */
    int64_t peak_rss;        /* bytes; not less than what the keeper itself takes */
    double began_s;          /* on sheaf_clock_s */
    int32_t heard;           /* since then a signal came from outside to the keeper, and so perhaps to the program; */
    int32_t asked_to_end;    /* one that asks for the end at once (core/outside.h) */
    int32_t n_left;          /* processes that it left behind, and that were killed */
    int32_t reserved;
};

/* Makes the keeper where there is none yet; the others do so too. */
int sheaf_keeper_open(struct keeper *keeper, struct server *server, struct sheaf_error *error);

/* Starts a program; the keeper must be idle. */
int sheaf_keeper_start(struct keeper *keeper, const struct program *program, struct sheaf_error *error);

/* Asks for the end of the program: TERM, and KILL grace seconds later; 0: KILL at once. */
void sheaf_keeper_stop(struct keeper *keeper, double grace_s);

/* Waits for the end of the program, and says how it was; keeper->fd is readable when that will not wait. A keeper that has
   died gives START_LOST and is closed. */
void sheaf_keeper_end(struct keeper *keeper, struct program_end *end);

void sheaf_keeper_close(struct keeper *keeper);

#endif
