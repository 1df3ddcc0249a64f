/* sheaf status: what people read and what scripts do, while a run is at work, after it was killed, and in the end. */
#include "cli/program.h"

#include <csignal>

namespace {

class Status : public Program {
  protected:
    Status() {
        /* items 2, 3 and 4 wait */
        write("job.yaml", "items: {count: 5}\n"
                          "command: '[ {item} -lt 2 ] || until [ -e go ]; do sleep 0.05; done; [ {item} != 3 ]'\n"
                          "output: out.h5\n");
    }

    Result status(const Words &options) const {
        Words words = {"status", "out.h5"};
        words.insert(words.end(), options.begin(), options.end());
        return sheaf(words);
    }

    /* `claims` hold of the object s that status --json prints. */
    void holds(const Words &claims) const {
        const Result json = status({"--json"});
        ASSERT_EQ(json.exit, 0) << json;
        std::string script = "import json, sys\ns = json.loads(sys.argv[1])\n"
                             "assert list(s['counts']) == 'pending done failed timed_out crashed skipped'.split()\n";
        for (const std::string &claim : claims)
            script += "assert " + claim + ", s\n";
        const Result result = run({SHEAF_PYTHON, "-c", script, json.out});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

TEST_F(Status, OfALiveRunADeadOneAndOneThatIsComplete) {
    {
        Child child(command({"run", "job.yaml"}, {0, 1}), start());
        ASSERT_TRUE(wait_for_done(child, path("out.h5"), 2));
        const std::string pid = std::to_string(child.pid());
        Result text = status({});
        EXPECT_NE(text.out.find("a run is at work on it (process " + pid + " on "), std::string::npos) << text;
        EXPECT_NE(text.out.find("out.h5: 5 items, 3 pending, 2 done\n"), std::string::npos) << text;
        holds({"s['alive'] is True and s['pid'] == " + pid,
               "s['host'] == s['run']['host'] == __import__('os').uname()[1]",
               "s['n_items'] == 5 and s['counts']['pending'] == 3 and s['counts']['done'] == 2",
               "s['exit_code'] == 75 and s['meaning'] == 'pending'", "s['rate'] > 0",
               "abs(s['eta_s'] * s['rate'] - 3) < 1e-6", "s['run']['items'] == 2 and s['run']['reason'] == 'running'",
               "s['run']['end'] is None and s['file'] == 'out.h5'"});
        EXPECT_EQ(status({"--exit-code"}).exit, 75);
        child.kill_all(SIGKILL);
        child.wait();
    }
    Result text = status({});
    EXPECT_NE(text.out.find("no run is at work on it"), std::string::npos) << text;
    holds({"s['alive'] is False and s['pid'] is None and s['host'] is None", "s['rate'] is None and s['eta_s'] is None",
           "s['run']['reason'] == 'broken off' and s['exit_code'] == 75"});
    write("go", "");
    run_job({"job.yaml"}, {0, 1}, 1);
    holds({"s['alive'] is False",
           "s['counts']['done'] == 4 and s['counts']['failed'] == 1 and s['counts']['pending'] == 0",
           "s['exit_code'] == 1 and s['meaning'] == 'failed'", "s['run']['items'] == 3",
           "s['run']['end'] >= s['run']['start'] > 1.6e9", "s['run']['reason'] == 'complete' and s['eta_s'] is None"});
    EXPECT_EQ(status({"--exit-code", "--json"}).exit, 1);
    EXPECT_EQ(status({}).out, "out.h5: 5 items, 4 done, 1 failed\n");
}

} // namespace
