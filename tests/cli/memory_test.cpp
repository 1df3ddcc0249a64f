/* Private memory does not depend on the number of items (R6): 10^8 of them, from HDF5 to HDF5, direct and between
   nodes. With SHEAF_TEST_SLOW=1 also 10^9, where the disk has 17 GB for them. */
#include "cli/program.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

namespace {

class Memory : public Program {
  protected:
    static constexpr long most_mb = 300; /* of each rank */

    void SetUp() override {
        write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x}}}\nkernel: square_plus\nparams: {terms: 100}\n");
    }

    bool has_room(double n_bytes) const {
        struct statvfs about;
        return statvfs(folder_.c_str(), &about) == 0 &&
               static_cast<double>(about.f_bavail) * static_cast<double>(about.f_frsize) > n_bytes;
    }

    /* Private memory of a process at present, or 0. */
    static long private_mb(pid_t pid) {
        const std::string file = "/proc/" + std::to_string(pid) + "/smaps_rollup";
        FILE *rollup = fopen(file.c_str(), "r");
        char line[256];
        long kb = 0;
        while (rollup && fgets(line, sizeof line, rollup))
            if (sscanf(line, "Anonymous: %ld", &kb) == 1)
                break;
        if (rollup)
            fclose(rollup);
        return kb / 1024;
    }

    void run_and_measure(const Layout &layout, const std::string &transport, const std::string &policy) {
        SCOPED_TRACE(layout.name() + ", " + transport + ", " + policy);
        Start how = start();
        how.deadline_s = 900;
        Child child(command({"run", "job.yaml", "-q", "--overwrite", "--set", "transport=" + transport, "--set",
                             "schedule.policy=" + policy},
                            layout),
                    how);
        long most = 0;
        int n_looks = 0;
        while (child.running()) {
            for (pid_t pid : child.processes("sheaf")) {
                most = std::max(most, private_mb(pid));
                n_looks++;
            }
            wait_until([] { return false; }, 0.01);
        }
        Result result = child.wait();
        EXPECT_EQ(result.exit, 0) << result;
        EXPECT_GT(n_looks, 10);
        EXPECT_GT(most, 0);
        EXPECT_LT(most, most_mb) << "MB of private memory";
        RecordProperty("most_mb_" + transport + "_" + policy, static_cast<int>(most));
        printf("  %s, %s, %s: %ld MB\n", layout.name().c_str(), transport.c_str(), policy.c_str(), most);
    }
};

TEST_F(Memory, OfManyItems) {
    const long n_items = 100'000'000;
    if (!has_room(4e9))
        GTEST_SKIP() << "needs 4 GB in " << folder_;
    check({"make_large_input", path("in.h5"), std::to_string(n_items)});
    run_and_measure({2, 1}, "direct", "dynamic");
    check({"large", path("in.h5"), path("job.h5"), "100"});
    unlink(path("job.h5").c_str());
    run_and_measure({2, 1, true}, "gather", "dynamic");
    check({"large", path("in.h5"), path("job.h5"), "100"});
    if (slow_tests())
        for (std::string policy : {"static", "auto"})
            for (bool apart : {false, true}) {
                unlink(path("job.h5").c_str());
                run_and_measure({2, 1, apart}, apart ? "gather" : "direct", policy);
                check({"large", path("in.h5"), path("job.h5"), "100"});
            }
}

TEST_F(Memory, OfABillion) {
    const long n_items = 1'000'000'000;
    if (!slow_tests() || !has_room(20e9))
        GTEST_SKIP() << "with SHEAF_TEST_SLOW=1 and 20 GB in " << folder_;
    check({"make_large_input", path("in.h5"), std::to_string(n_items)});
    for (bool apart : {false, true}) {
        unlink(path("job.h5").c_str());
        run_and_measure({2, 1, apart}, apart ? "gather" : "direct", "auto");
        check({"large", path("in.h5"), path("job.h5"), "100"});
    }
}

} // namespace
