/*
 * node_folder - a folder in the memory of a node (/dev/shm), for files that programs of a run map.
 *
 * It lives as long as somebody has its descriptor, which holds its name (core/node_name.h).
 */
#ifndef SHEAF_CORE_NODE_FOLDER_H
#define SHEAF_CORE_NODE_FOLDER_H

#include "core/error.h"

enum { NODE_FOLDER_BYTES = 64 };

/* Makes a new folder: its path, and a descriptor that holds it; -1 after an error. Removes those that nobody holds. */
int sheaf_node_folder_make(char path[NODE_FOLDER_BYTES], struct sheaf_error *error);

/* Removes the folder and the files in it. Needs no memory, so that who ends may do it. */
void sheaf_node_folder_remove(const char *path);

#endif
