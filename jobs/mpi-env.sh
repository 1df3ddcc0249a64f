# shellcheck shell=sh
# jobs/mpi-env.sh - lets mpirun work where it would refuse or complain: as root, with fewer cores than ranks, in a
# container. To be sourced; it changes the environment only where that is needed.
#   SHEAF_RANKS   the ranks that will be started (2)

if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# mpirun counts cores, not hardware threads; nproc knows what this process may use.
sheaf_cores=$(nproc 2>/dev/null || echo 1)
sheaf_real_cores=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
if [ "$sheaf_real_cores" -gt 0 ] && [ "$sheaf_real_cores" -lt "$sheaf_cores" ]; then
    sheaf_cores=$sheaf_real_cores
fi
if [ "$sheaf_cores" -lt "${SHEAF_RANKS:-2}" ]; then
    export OMPI_MCA_rmaps_base_oversubscribe=1                   # Open MPI 4
    export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe  # Open MPI 5
fi
unset sheaf_cores sheaf_real_cores

# Containers forbid reading another process's memory; without this Open MPI says so for every message.
if [ -f /.dockerenv ] || [ -f /run/.containerenv ]; then
    export OMPI_MCA_btl_vader_single_copy_mechanism=none
fi
