/* sheaf plan: a pilot's items are spread over the job, stay in its results, and are what is told. */
#include "cli/program.h"

namespace {

class Plan : public Program {};

TEST_F(Plan, PilotStaysInTheResults) {
    write("job.yaml", "items: {count: 101}\ncommand: 'echo {item} >> ran; echo {item}'\noutputs: {y: {column: 1}}\n"
                      "output: job.h5\n");
    Result before = sheaf({"plan", "job.yaml"});
    EXPECT_EQ(before.exit, 0) << before;
    EXPECT_NE(before.out.find("nothing is computed yet"), std::string::npos) << before;
    EXPECT_FALSE(exists(path("job.h5")));
    Result plan = sheaf({"plan", "job.yaml", "--pilot", "5", "--nodes", "4", "--ntasks-per-node", "16", "--set",
                         "schedule={policy: dynamic}"});
    EXPECT_EQ(plan.exit, 0) << plan;
    EXPECT_EQ(shell("sort -n ran | tr '\\n' ' '").out, "0 25 50 75 100 "); /* both ends, and evenly between */
    EXPECT_NE(plan.out.find("job.h5: 101 items, 96 pending"), std::string::npos) << plan;
    EXPECT_NE(plan.out.find("by 5 items that the pilot computed\n"), std::string::npos) << plan;
    EXPECT_NE(plan.out.find("a laptop, or one rank, is enough"), std::string::npos) << plan;
    EXPECT_NE(plan.out.find("sbatch --nodes=4 --ntasks-per-node=16 --cpus-per-task=1 --time=00:10:00 --mem-per-cpu="),
              std::string::npos)
        << plan;
    EXPECT_NE(plan.out.find("jobs/sheaf.sbatch job.yaml --set 'schedule={policy: dynamic}'\n"), std::string::npos)
        << plan;
    run_job({"job.yaml"});
    EXPECT_EQ(shell("sort -n ran | uniq -d").out, ""); /* nothing twice */
    EXPECT_NE(sheaf({"plan", "job.yaml"}).out.find("nothing is pending"), std::string::npos);
}

/* Times are written into the file: 20 blocks of 10 s, one of 1000 s. */
TEST_F(Plan, TellsOfLongItems) {
    write("job.yaml", "items: {count: 2000}\ncommand: 'echo {item}'\noutputs: {y: {column: 1}}\noutput: job.h5\n");
    run_job({"job.yaml", "--items", "0:20"});
    check({"change", path("job.h5"), "seconds", "3", "1000"});
    for (int i = 0; i < 20; i++)
        if (i != 3)
            check({"change", path("job.h5"), "seconds", std::to_string(i), "10"});
    Result plan = sheaf({"plan", "job.yaml", "--nodes", "100", "--ntasks-per-node", "100"});
    EXPECT_EQ(plan.exit, 0) << plan;
    EXPECT_NE(plan.out.find("an item takes 10 s (median), 95 of 100 at most 60 s, the longest 17 min\n"),
              std::string::npos)
        << plan; /* numpy.quantile: 59.5 s */
    /* (19 * 10 + 1000) / 20 * 1980 = 117810 s, of which the longest item is 1 in 117.8 */
    EXPECT_NE(plan.out.find("more than about 118 cores do not make the job shorter"), std::string::npos) << plan;
    EXPECT_NE(plan.out.find("of 1,980 pending items about 95 take longer"), std::string::npos) << plan;
    EXPECT_EQ(sheaf({"plan", "job.yaml", "--pilot", "4", "--items", "3"}).exit, 2);
    EXPECT_EQ(sheaf({"plan", "job.yaml", "--pilot", "0"}).exit, 2);
}

} // namespace
