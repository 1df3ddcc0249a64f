#include "process/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

bool sheaf_environment_is_launchers(const char *setting) {
    static const char *const prefixes[] = {"OMPI_", "OPAL_", "ORTE_", "PRTE_", "PMIX_", "PMI_", "PMI2_", "MPI_LOCAL"};
    static const char *const names[] = {"HFI_NO_BACKTRACE=", "IPATH_NO_BACKTRACE=", "SLURM_PMIX", "PMI="};
    if (begins(setting, "OMPI_ALLOW_RUN_AS_ROOT")) /* the user's word */
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (begins(setting, prefixes[i]))
            return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (begins(setting, names[i]))
            return true;
    return false;
}

/* Whether one of the settings has the name of this one. */
static bool is_set(const char *own, char *const *settings, int n_settings) {
    size_t length = strcspn(own, "=") + 1;
    for (int i = 0; i < n_settings; i++)
        if (strncmp(own, settings[i], length) == 0)
            return true;
    return false;
}

char **sheaf_environment_with(char *const *settings, int n_settings) {
    size_t n = 0, n_own = 0;
    while (environ[n_own])
        n_own++;
    char **all = malloc((n_own + (size_t)n_settings + 1) * sizeof *all);
    if (!all)
        return NULL;
    for (size_t i = 0; i < n_own; i++)
        if (!sheaf_environment_is_launchers(environ[i]) && !is_set(environ[i], settings, n_settings))
            all[n++] = environ[i];
    for (int i = 0; i < n_settings; i++)
        all[n++] = settings[i];
    all[n] = NULL;
    return all;
}
