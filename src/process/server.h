/*
 * server - forks small processes for a program that must not fork itself.
 *
 * Forking a process that has started MPI can crash it over InfiniBand, and copies the page tables of all it holds. So a
 * run starts this server first, before MPI, before HDF5, before threads; it does nothing but fork itself when asked. It
 * and what it forked end when the program does, however that ends: they read the end of their sockets.
 */
#ifndef SHEAF_PROCESS_SERVER_H
#define SHEAF_PROCESS_SERVER_H

#include "core/error.h"

struct server;

/* Forks the server; the caller must have one thread. Release with sheaf_server_stop. */
int sheaf_server_start(struct server **server, struct sheaf_error *error);

/* A new process, which runs entry(fd) and ends; *fd is the other end of its socket (a stream), to be closed by the
   caller, which is how the process learns that it is not needed any more. Thread-safe. */
int sheaf_server_fork(struct server *server, void (*entry)(int fd), int *fd, struct sheaf_error *error);

/* Lets the server hold a descriptor (a copy of it) until all that it forked has ended, also when the program has gone by
   then, and leave with it as core/range_lock says: `path` is that of the file. Once. */
int sheaf_server_hold(struct server *server, int fd, const char *path, struct sheaf_error *error);

/* The same for a folder of the node (core/node_folder.h), which the server removes then. Once. */
int sheaf_server_hold_folder(struct server *server, int fd, const char *path, struct sheaf_error *error);

/* Ends the server; processes that it forked live on until their sockets are closed. Takes NULL. */
void sheaf_server_stop(struct server *server);

#endif
