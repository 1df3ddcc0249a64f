/*
 * environment - what programs find in their environment: ours, without what the launcher of this run put there.
 */
#ifndef SHEAF_PROCESS_ENVIRONMENT_H
#define SHEAF_PROCESS_ENVIRONMENT_H

#include <stdbool.h>

/* Whether "NAME=VALUE" would make a program that starts MPI believe it were a rank of this run. */
bool sheaf_environment_is_launchers(const char *setting);

/* Ours with settings[n] ("NAME=VALUE"), which win; terminated by NULL. The texts are borrowed, the array is new memory;
   NULL: there is none. */
char **sheaf_environment_with(char *const *settings, int n_settings);

#endif
