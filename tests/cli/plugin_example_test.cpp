/* jobs/plugin-example, as a user has it: Sheaf is installed, the folder is copied, make, run. */
#include "cli/program.h"

namespace {

class PluginExample : public Program {};

TEST_F(PluginExample, WithTheInstalledHeaderOnly) {
    Result install = shell("make -C " + shell_word(SHEAF_BUILD_DIR) + " install DESTDIR=" + path("root"));
    ASSERT_EQ(install.exit, 0) << install;
    Result found = shell("find root -type f -name '*.h'");
    EXPECT_EQ(count_of(found.out, "\n"), 1) << "one header is installed\n" << found;
    std::string header = found.out.substr(0, found.out.find('\n'));
    ASSERT_EQ(header.substr(header.size() - std::string("/include/sheaf/kernel.h").size()), "/include/sheaf/kernel.h");
    std::string prefix = path(header.substr(0, header.find("/include/sheaf/kernel.h")));
    EXPECT_EQ(count_of(shell("find root -name 'sheaf*.[17]'").out, "\n"), 2) << "man pages";

    ASSERT_EQ(shell("cp -r " SHEAF_SOURCE_DIR "/jobs/plugin-example here && rm -f here/*.so").exit, 0);
    Result make = shell("make -C here CC=" + shell_word(SHEAF_PLAIN_CC) +
                        " CFLAGS='-O2 -Wall -Wextra -Werror' SHEAF_PREFIX=" + shell_word(prefix));
    ASSERT_EQ(make.exit, 0) << make;

    std::string program = prefix + "/bin/sheaf";
    Result run = shell("cd here && mpirun --oversubscribe -np 2 " + program + " run pendulum.yaml");
    ASSERT_EQ(run.exit, 0) << run;
    check({"pendulum", path("here/pendulum.h5"), "9.81"});
    Result one = shell("cd here && " + program + " run pendulum.yaml -o moon.h5 --set params.g=1.625");
    ASSERT_EQ(one.exit, 0) << one;
    check({"pendulum", path("here/moon.h5"), "1.625"});
    Result refused = shell("cd here && " + program + " run pendulum.yaml -o no.h5 --set params.g=-1");
    EXPECT_EQ(refused.exit, 2) << refused;
    Result kernels = shell("cd here && " + program + " kernels ./pendulum.so:pendulum");
    EXPECT_EQ(kernels.exit, 0) << kernels;
    EXPECT_GE(count_of(kernels.out, "period"), 1) << kernels;
}

/* Items the pendulum cannot swing with fail one by one. */
TEST_F(PluginExample, BadRows) {
    ASSERT_EQ(shell("cp -r " SHEAF_SOURCE_DIR "/jobs/plugin-example here && rm -f here/*.so").exit, 0);
    Result make = shell("make -C here CC=" + shell_word(SHEAF_PLAIN_CC) + " CPPFLAGS=-I" SHEAF_SOURCE_DIR "/include");
    ASSERT_EQ(make.exit, 0) << make;
    write("here/pendulum.csv", "length,amplitude\n1,10\n0,10\n-1,10\n,10\n1,180\n1,-179\n1,\ninf,3\n2,0\n");
    Result run = shell("cd here && " SHEAF_PROGRAM " run pendulum.yaml");
    EXPECT_EQ(run.exit, 1) << run;
    check({"failed", path("here/pendulum.h5"), "period", "1", "2", "3", "4", "6", "7"});
}

} // namespace
