#include "slurm/cluster.h"

#include <unistd.h>

namespace {

const char *const script = SHEAF_SOURCE_DIR "/tests/slurm/cluster.sh";

/* Polls with processes: not as often as wait_until does. */
bool wait_slowly(const std::function<bool()> &holds, double deadline_s) {
    return wait_until(
        [&] {
            bool held = holds();
            if (!held)
                usleep(200000);
            return held;
        },
        deadline_s);
}

} // namespace

void Slurm::SetUp() {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    if (name.rfind("Slow", 0) == 0 && !slow_tests())
        GTEST_SKIP() << "SHEAF_TEST_SLOW=1 runs it";
    Result check = run({script, "check"});
    if (check.exit == 77)
        GTEST_SKIP() << check.out;
    ASSERT_EQ(check.exit, 0) << check;
    Start how = start();
    how.with_stdin = true;
    how.deadline_s = 1200;
    cluster_ = std::make_unique<Child>(
        Words{script, "run", path("cluster"), std::to_string(n_nodes), "sh", "-c", "echo ready; cat"}, how);
    bool ready = wait_until([&] { return cluster_->out() == "ready\n" || !cluster_->running(); }, 180);
    if (!ready || !cluster_->running()) {
        cluster_->kill_all(SIGKILL);
        FAIL() << cluster_->wait();
    }
}

void Slurm::TearDown() {
    if (cluster_ == nullptr)
        return;
    if (HasFailure()) {
        for (const std::string &name : list_folder(folder_))
            if (name.rfind("sheaf-", 0) == 0)
                ADD_FAILURE() << name << ":\n" << read(name);
        ADD_FAILURE() << on_cluster({"scontrol", "show", "job"}).out << read("cluster/log/slurmctld.log");
    }
    cluster_->close_stdin();
    EXPECT_TRUE(wait_until([&] { return !cluster_->running(); })) << "the cluster does not stop";
    EXPECT_TRUE(wait_until([&] { return cluster_->processes().empty(); })) << "something outlives the cluster";
}

Result Slurm::on_cluster(const Words &words, int exit) const {
    Words all = {script, "exec", path("cluster"), "ctl", "timeout", "60"};
    all.insert(all.end(), words.begin(), words.end());
    Result result = run(all);
    EXPECT_EQ(result.exit, exit) << result;
    return result;
}

std::string Slurm::submit(const Words &options, const Words &arguments,
                          const std::map<std::string, std::string> &env) const {
    Words words = {"env", "SHEAF=" SHEAF_PROGRAM};
    /* What the other tests of the program set to tame a single machine. */
    for (const char *name : {"OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy",
                             "OMPI_MCA_btl_vader_backing_directory", "OMPI_MCA_osc_sm_backing_directory"})
        words.insert(words.begin() + 1, {"-u", name});
    for (const auto &[name, value] : env)
        words.push_back(name + "=" + value);
    words.insert(words.end(), {"sbatch", "--parsable"});
    words.insert(words.end(), options.begin(), options.end());
    words.push_back(SHEAF_SOURCE_DIR "/jobs/sheaf.sbatch");
    words.insert(words.end(), arguments.begin(), arguments.end());
    Result result = on_cluster(words);
    return result.out.substr(0, result.out.find('\n'));
}

std::string Slurm::about(const std::string &job, const std::string &field) const {
    std::string text = " " + on_cluster({"scontrol", "show", "job", "-o", job}).out;
    size_t at = text.find(" " + field + "=");
    if (at == std::string::npos)
        return "";
    at += field.size() + 2;
    return text.substr(at, text.find_first_of(" \n", at) - at);
}

std::string Slurm::end_of(const std::string &job, double deadline_s) const {
    std::string state;
    EXPECT_TRUE(wait_slowly(
        [&] {
            state = on_cluster({"squeue", "-h", "-t", "all", "-j", job, "-o", "%T"}).out;
            state = state.substr(0, state.find('\n'));
            return state == "COMPLETED" || state == "FAILED" || state == "CANCELLED" || state == "TIMEOUT" ||
                   state == "NODE_FAIL";
        },
        deadline_s))
        << "job " << job << " is " << state << " after " << deadline_s << " s";
    return state;
}

void Slurm::wait_for_items(const std::string &job, const std::string &results, long least) const {
    StatusPlace place;
    EXPECT_TRUE(wait_slowly(
        [&] {
            place = place.offset < 0 ? find_status(path(results)) : place;
            return place.offset >= 0 && count_done(path(results), place) >= least;
        },
        240))
        << "job " << job << " gets nothing done";
}

void Slurm::wait_for_requeue(const std::string &job, int n, double deadline_s) const {
    EXPECT_TRUE(wait_slowly([&] { return about(job, "Restarts") == std::to_string(n); }, deadline_s))
        << "job " << job << " is not back in the queue after " << deadline_s << " s";
}

std::string Slurm::log(const std::string &job) const {
    return read("sheaf-" + job + ".log");
}

void Slurm::cut_power(const std::string &node) const {
    Result result = run({script, "kill", path("cluster"), node});
    EXPECT_EQ(result.exit, 0) << result;
}
