#include "app/slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"

/* A number in a small file; -1: there is none. */
static int64_t read_number(const char *path) {
    FILE *file = fopen(path, "re");
    int64_t value = -1;
    if (file && fscanf(file, "%" SCNd64, &value) != 1)
        value = -1;
    if (file)
        fclose(file);
    return value;
}

/* What the control group that we are in, and those around it, may use. */
static int64_t find_group_memory(void) {
    char line[1024], path[1200];
    int64_t least = -1;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        char *group = line + 3;
        for (group[strcspn(group, "\n")] = '\0'; *group; *strrchr(group, '/') = '\0') {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
            int64_t most = read_number(path);
            least = most > 0 && (least < 0 || most < least) ? most : least;
            if (!strrchr(group, '/'))
                break;
        }
    }
    if (file)
        fclose(file);
    return least;
}

/* The memory that this node's ranks may use: all of it, or what the batch system or a control group allows. */
static int64_t find_memory(void) {
    int64_t all = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), group = find_group_memory(), megabytes;
    const char *slurm = getenv("SLURM_MEM_PER_NODE");
    if (group > 0 && group < all)
        all = group;
    if (slurm && sheaf_text_to_int64(slurm, strlen(slurm), &megabytes) == 0 && megabytes > 0 && megabytes < all >> 20)
        all = megabytes << 20;
    return all;
}

int sheaf_slots_limit(const struct job *job, const struct comm_self *self, int *n_threads, struct sheaf_error *error) {
    const struct job_program *program = &job->program;
    const int64_t memory = program->memory_bytes ? find_memory() : 0;
    int64_t most = INT64_MAX;
    if (program->memory_bytes)
        most = memory / program->memory_bytes;
    if (program->n_gpus && program->n_gpus < most)
        most = program->n_gpus;
    if (most == INT64_MAX)
        return 0;
    if (most == 0)
        return sheaf_refuse(error, "memory: an item needs %" PRId64 " MB, and this node has %" PRId64 " MB",
                            program->memory_bytes >> 20, memory >> 20);
    int64_t own = most / self->n_node_ranks + (self->node_rank < most % self->n_node_ranks);
    if (own == 0)
        return sheaf_refuse(error,
                            "%" PRId64 " items may run at once on a node (memory, gpus), and it has %d ranks; start no "
                            "more than %" PRId64 " there: mpirun --map-by ppr:%" PRId64 ":node",
                            most, self->n_node_ranks, most, most);
    *n_threads = own < *n_threads ? (int)own : *n_threads;
    return 0;
}

/* What a rank tells. */
struct slot_facts {
    int32_t node, n_threads;
};

int sheaf_slots_number(struct comm *comm, int n_threads, int *first, struct sheaf_error *error) {
    const struct comm_self self = sheaf_comm_self(comm);
    const struct slot_facts own = {self.node, n_threads};
    struct slot_facts *facts = NULL;
    int32_t *firsts = NULL, mine = 0;
    int rc = 0;
    if (self.rank == 0) {
        facts = calloc((size_t)self.n_ranks, sizeof *facts);
        firsts = calloc((size_t)self.n_ranks + (size_t)self.n_nodes, sizeof *firsts);
        rc = facts && firsts ? 0 : sheaf_fail_memory(error, "the ranks");
    }
    rc = sheaf_comm_agree(comm, rc, error);
    if (rc == 0)
        rc = sheaf_comm_gather(comm, &own, facts, sizeof own, error);
    for (int r = 0; rc == 0 && firsts && r < self.n_ranks; r++) {
        int32_t *of_node = &firsts[self.n_ranks + facts[r].node];
        firsts[r] = *of_node;
        *of_node += facts[r].n_threads;
    }
    if (rc == 0)
        rc = sheaf_comm_scatter(comm, firsts, &mine, sizeof mine, error);
    *first = mine;
    free(facts);
    free(firsts);
    return sheaf_comm_agree(comm, rc, error);
}
