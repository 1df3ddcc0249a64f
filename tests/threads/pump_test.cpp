/* The whole program under the thread sanitizer: no race between thread 0 and those that compute, on one rank and on
   several, where rows are written in place and where they are sent. The program must be compiled for it. */
#include "cli/program.h"

namespace {

class Pump : public Program {
  protected:
    Pump() {
        setenv("LD_PRELOAD", SHEAF_GOMP, 1);
        setenv("TSAN_OPTIONS", "exitcode=66 suppressions=" SHEAF_SOURCE_DIR "/tests/threads/suppressions", 1);
        std::string table = "x,cost\n";
        for (int i = 0; i < 2003; i++)
            table += std::to_string(i) + ".5," + std::to_string(i % 7) + "\n";
        write("in.csv", table);
    }
    ~Pump() override {
        unsetenv("LD_PRELOAD");
        unsetenv("TSAN_OPTIONS");
        unsetenv("SHEAF_RANKS_PER_NODE");
    }

    /* Also with the mistakes that travel: items that fail. */
    void run_all(const Layout &layout, const Words &more) {
        for (std::string kernel : {"uneven", "fails"}) {
            write_job(kernel + ".yaml", "csv: in.csv", "hostile:" + kernel);
            Words words = {"run", kernel + ".yaml", "--overwrite"};
            words.insert(words.end(), more.begin(), more.end());
            Result result = sheaf(words, layout);
            EXPECT_TRUE(result.exit == 0 || result.exit == 1 || result.exit == 75) << result;
            EXPECT_EQ(count_of(result.err, "WARNING: ThreadSanitizer"), 0) << result;
            EXPECT_EQ(count_of(result.err, "items done"), 1) << result;
        }
    }
};

TEST_F(Pump, Alone) {
    run_all({0, 4}, {});
    run_all({0, 3}, {"--durable", "--stop-after", "0.02s"});
}

TEST_F(Pump, RanksOfANode) {
    for (std::string policy : {"static", "dynamic"})
        run_all({2, 2}, {"--set", "schedule.policy=" + policy});
}

TEST_F(Pump, RanksApart) {
    setenv("SHEAF_RANKS_PER_NODE", "1", 1);
    for (std::string policy : {"static", "dynamic"})
        run_all({3, 2}, {"--set", "schedule.policy=" + policy});
}

} // namespace
