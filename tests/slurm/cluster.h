/*
 * cluster - tests on a small Slurm of their own, which runs as long as the test does (tests/slurm/cluster.sh).
 *
 * Batch jobs are submitted from the test's folder, with what a user would type. Everything that waits has a deadline.
 */
#pragma once

#include <memory>

#include "cli/program.h"

/* A test whose name begins with Slow takes a minute or more: SHEAF_TEST_SLOW=1 runs it. */
class Slurm : public Program {
  protected:
    static constexpr int n_nodes = 3; /* node1, node2, node3 of 6 cpus each */

    void SetUp() override; /* starts it, or skips the test with the reason */
    void TearDown() override;

    /* On the node where one logs in: sbatch, scontrol, …. It must succeed, unless `exit` says otherwise. */
    Result on_cluster(const Words &words, int exit = 0) const;
    /* sbatch OPTIONS jobs/sheaf.sbatch ARGUMENTS; the number of the job. */
    std::string submit(const Words &options, const Words &arguments,
                       const std::map<std::string, std::string> &env = {}) const;
    /* A field of `scontrol show job`, such as JobState; empty if Slurm does not answer. */
    std::string about(const std::string &job, const std::string &field) const;
    /* Waits until the job has left the queue for good; its state. */
    std::string end_of(const std::string &job, double deadline_s = 240) const;
    /* Waits until `least` items are done while the job runs. */
    void wait_for_items(const std::string &job, const std::string &results, long least) const;
    /* Waits until the job has gone back into the queue `n` times. */
    void wait_for_requeue(const std::string &job, int n, double deadline_s = 240) const;
    std::string log(const std::string &job) const;
    void cut_power(const std::string &node) const;

  private:
    std::unique_ptr<Child> cluster_;
};
