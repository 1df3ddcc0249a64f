/* What the tests rely on: a mpirun that hangs by itself is told from a run that does. */
#include "cli/program.h"

#include <sys/stat.h>

namespace {

class Launcher : public Program {
  protected:
    Launcher() { EXPECT_EQ(mkfifo(path("fifo").c_str(), 0600), 0); }

    /* A mpirun that does this, in a shell. */
    Result launch(const std::string &script, double deadline_s) {
        write("mpirun", "#!/bin/bash\n" + script + "\n");
        EXPECT_EQ(chmod(path("mpirun").c_str(), 0755), 0);
        Start how = start();
        how.deadline_s = deadline_s;
        how.patience_s = 2;
        return Child({path("mpirun")}, how).wait();
    }
};

TEST_F(Launcher, ThatHangsByItself) {
    Result result = launch("sleep 1; : < fifo", 300); /* nobody ever writes there */
    EXPECT_TRUE(result.launcher_hung) << result;
    EXPECT_FALSE(result.timed_out) << result;
    EXPECT_NE(result.exit, 0);
}

TEST_F(Launcher, WhoseProgramHangs) {
    Result result = launch("sleep 1000", 5);
    EXPECT_FALSE(result.launcher_hung) << result;
    EXPECT_TRUE(result.timed_out) << result;
}

TEST_F(Launcher, ThatEnds) {
    Result result = launch("sleep 1; exit 7", 300);
    EXPECT_FALSE(result.launcher_hung) << result;
    EXPECT_EQ(result.exit, 7);
}

} // namespace
