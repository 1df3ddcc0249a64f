/*
 * range_lock - exclusive locks on bytes of an open file, the same for processes of this machine and, where the file
 * system's locks reach, of others.
 *
 * The open file owns them, not the process: whoever has got a copy of the descriptor, by a fork or through a socket, holds
 * them too, and they end when the last copy is closed.
 */
#ifndef SHEAF_CORE_RANGE_LOCK_H
#define SHEAF_CORE_RANGE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* Locks bytes at … at + n - 1, n = 0: all from there on. -1, with errno; EAGAIN or EACCES: another one has a lock there. */
int sheaf_range_lock(int fd, off_t at, off_t n);
void sheaf_range_unlock(int fd, off_t at, off_t n);

/* Whether another open file has a lock there. */
bool sheaf_range_is_locked(int fd, off_t at, off_t n);

/* Whether the path leads to the open file: one that was locked may have been removed, and made anew, meanwhile. */
bool sheaf_range_is_at(int fd, const char *path);

/* Gives all locks up, removes the file if nobody else has one and it is still at the path, and closes it. For files of
   which who begins takes all bytes, and then keeps the first; who comes meanwhile never finds that one locked by this. */
void sheaf_range_leave(int fd, const char *path);

#endif
