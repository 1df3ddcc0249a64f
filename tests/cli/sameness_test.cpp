/* Ranks that do not run the same: each in a folder of its own, as on a node of its own. */
#include "cli/program.h"

#include <sys/stat.h>

namespace {

class Sameness : public Program {
  protected:
    Sameness() {
        for (const std::string folder : {"a", "b"}) {
            EXPECT_EQ(mkdir(path(folder).c_str(), 0777), 0);
            EXPECT_EQ(shell("cp " SHEAF_PLUGIN_DIR "/interface.so " + folder).exit, 0);
            write(folder + "/table.txt", "5\n");
            write_file(path(folder + "/job.yaml"), "name: job\nitems: {count: 30}\nkernel: ./interface.so:reads\n"
                                                   "params: {table: table.txt}\n");
        }
    }
    /* Rank 0 in folder a, rank 1 in b, with these arguments besides. */
    Result run_both(const std::string &first = "", const std::string &second = "") const {
        const std::string run = SHEAF_PROGRAM " run job.yaml ";
        return shell("SHEAF_RANKS_PER_NODE=1 mpirun --oversubscribe -x SHEAF_RANKS_PER_NODE -np 1 --wdir " + path("a") +
                     " " + run + first + " : -np 1 --wdir " + path("b") + " " + run + second);
    }
    void expect_refused(const Result &result, const std::string &message) const {
        EXPECT_NE(result.exit, 0) << result;
        EXPECT_EQ(count_of(result.err, "sheaf: rank 1 " + message), 1) << result;
        EXPECT_FALSE(exists(path("a/job.h5"))) << "nothing was written";
    }
};

TEST_F(Sameness, TheSameFromTwoPlaces) {
    Result result = run_both();
    EXPECT_EQ(result.exit, 0) << result;
}

TEST_F(Sameness, AnotherPlugin) {
    EXPECT_EQ(shell("echo >> b/interface.so").exit, 0); /* the loader does not mind */
    expect_refused(run_both(), "has opened another kernel than rank 0");
}

TEST_F(Sameness, AnotherFileOfAParam) {
    write("b/table.txt", "6\n");
    expect_refused(run_both(), "sees another file table.txt, which params.table names, than rank 0");
}

TEST_F(Sameness, OtherValues) {
    expect_refused(run_both("", "--set seed=2"), "was called with other values for the job");
}

} // namespace
