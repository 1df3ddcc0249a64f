/*
 * wire - bytes and descriptors through a stream socket between two processes of a run.
 */
#ifndef SHEAF_PROCESS_WIRE_H
#define SHEAF_PROCESS_WIRE_H

#include <stddef.h>

/* Descriptors that go with one message, at most. */
enum { WIRE_FDS = 3 };

/* Writes exactly n_bytes, at least one, with fds[n_fds] at their front. -1, with errno, if the other side has gone. */
int sheaf_wire_write(int socket, const void *data, size_t n_bytes, const int *fds, int n_fds);

/* Reads exactly n_bytes, and the descriptors that come with them: *n_fds is the room on entry, how many came on return
   (NULL: none are taken). -1, with errno 0 at the end of the stream. */
int sheaf_wire_read(int socket, void *data, size_t n_bytes, int *fds, int *n_fds);

#endif
