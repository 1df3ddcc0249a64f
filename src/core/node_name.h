/*
 * node_name - names in the memory of a node (/dev/shm), each held by the lock of a descriptor: what a run has left there that
 * was killed with all its processes, the next one on the node knows by that nobody holds it.
 */
#ifndef SHEAF_CORE_NODE_NAME_H
#define SHEAF_CORE_NODE_NAME_H

#include <stdbool.h>

#define NODE_NAMES "/dev/shm"

/* Between making a name and holding it another process may take it for left, and remove it; it is then to be made anew, under
   another name, some times. */
enum { NODE_NAME_ATTEMPTS = 8 };

/* Holds the file or folder that the descriptor was opened by, until that is closed; false, and errno, where another process
   came first. */
bool sheaf_node_name_hold(int fd);

/* Has all removed that are this user's, begin so, and are held by nobody. */
void sheaf_node_name_sweep(const char *prefix, void (*remove)(const char *path));

#endif
