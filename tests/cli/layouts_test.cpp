/* The same bytes whatever the layout: ranks, threads and schedule (R2); and the right ones. */
#include "cli/program.h"

namespace {

class Layouts : public Program {
  protected:
    /* Runs the job alone on one thread, `checked` says whether that is right, then on every other layout, schedule and
       transport, or on each second of them, other ones for each job: the fields must have the same bytes. Ranks "apart"
       are each on a node of their own. */
    void run_all(const std::string &fields, const Words &checked, bool weighted) {
        run_job({"job.yaml", "-o", "reference.h5", "-q"}, {0, 1});
        Words verify = checked;
        verify.insert(verify.begin() + 1, path("reference.h5"));
        check(verify);
        same_ = {"same", fields, path("reference.h5")};
        size_t k = fields.size() + checked.size();
        for (int ranks : {0, 1, 2, 4})
            for (int threads = 1; threads <= 2; threads++)
                for (std::string policy : {"auto", "static", "dynamic", "weighted"})
                    for (int apart = 0; apart <= (ranks > 1 ? 1 : 0); apart++)
                        if ((weighted || policy != "weighted") && !HasFailure() && (slow_tests() || k++ % 2))
                            run_one({ranks, threads}, policy, apart);
        check(same_);
    }

    void run_one(const Layout &layout, const std::string &policy, bool apart) {
        std::string transport = same_.size() % 2 ? "auto" : apart ? "gather" : "direct";
        std::string out = "out" + std::to_string(same_.size()) + ".h5";
        Words arguments = {
            "job.yaml", "-o", out, "--set", "schedule.policy=" + policy, "--set", "transport=" + transport};
        if (policy == "weighted")
            arguments.insert(arguments.end(), {"--set", "schedule.cost=" + cost_});
        SCOPED_TRACE(layout.name() + ", " + policy + ", " + transport + (apart ? ", apart" : ""));
        setenv("SHEAF_RANKS_PER_NODE", apart ? "1" : "0", 1);
        Result result = run_job(arguments, layout);
        unsetenv("SHEAF_RANKS_PER_NODE");
        std::string chosen = policy != "auto" ? policy : layout.ranks > 1 ? "dynamic" : "static";
        EXPECT_EQ(count_of(result.err, "  schedule " + chosen + " ("), 1) << result;
        EXPECT_EQ(count_of(result.err, "transport "), layout.ranks > 1 ? 1 : 0) << result;
        EXPECT_EQ(result.out, "") << "data goes to stdout, and there is none";
        same_.push_back(path(out));
    }

    Words same_;
    std::string cost_ = "cost";
};

std::vector<double> ramp(int n) {
    std::vector<double> x;
    for (int i = 0; i < n; i++)
        x.push_back(0.37 * (n - i) + (i % 3));
    return x;
}

TEST_F(Layouts, Moid) {
    write("job.yaml", "items: {csv: " SHEAF_SOURCE_DIR "/data/asteroids.csv}\nkernel: moid\n");
    cost_ = "a_au";
    run_all("moid,true_anomaly,earth_longitude", {"jpl"}, true);
}

TEST_F(Layouts, SquarePlusOfACount) {
    write("job.yaml", "items: {count: 50_000}\nkernel: square_plus\n");
    run_all("y", {"square_plus", "50000"}, false);
}

TEST_F(Layouts, SquarePlusOfHdf5) {
    check({"make_input", path("in.h5"), "30000"});
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x, cost: cost}}}\nkernel: square_plus\n");
    run_all("y", {"square_plus_hdf5", path("in.h5"), "x", "10000"}, true);
}

TEST_F(Layouts, SquarePlusOfHdf5Integers) {
    check({"make_input", path("in.h5"), "9000"});
    write("job.yaml", "items: {hdf5: {file: in.h5, fields: {x: deep/k, w: w}}}\nkernel: square_plus\n"
                      "params: {terms: 17}\n");
    run_all("y", {"square_plus_hdf5", path("in.h5"), "deep/k", "17"}, false);
}

/* Random numbers depend on the seed and the item only. */
TEST_F(Layouts, Pi) {
    write("job.yaml", "items: {count: 203}\nkernel: pi\nparams: {samples: 2003}\nseed: 7\n");
    run_all("hits,pi", {"pi", "7", "2003"}, false);
}

TEST_F(Layouts, Uneven) {
    std::string table = "x,cost\n";
    for (int i = 0; i < 1003; i++)
        table += std::to_string(0.25 * (i * 13 % 1003)) + "," + std::to_string(1 + i) + "\n";
    write("in.csv", table);
    write_job("job.yaml", "csv: in.csv", "hostile:uneven");
    run_all("y", {"uneven"}, true);
}

TEST_F(Layouts, Poke) {
    write_x("in.csv", ramp(1511));
    write_job("job.yaml", "csv: in.csv", "hostile:poke");
    cost_ = "x";
    run_all("f64,f32,i64,i32,u8", {"poke"}, true);
}

/* A kernel that is not thread-safe, one that reads shared data, and one that takes text. */
TEST_F(Layouts, KernelsWithSpecialNeeds) {
    write_x("in.csv", ramp(100));
    write("words.csv", "word\nmoon\n\"a, \"\"b\"\"\"\n\nélan\n\"\"\nlast\n");
    write_job("serial.yaml", "count: 40", "hostile:impure_serial");
    write_job("shared.yaml", "csv: in.csv", "hostile:shared_check");
    write_job("text.yaml", "csv: words.csv", "hostile:text_in");
    for (std::string name : {"serial", "shared", "text"})
        for (Layout layout : {Layout{0, 1}, Layout{0, 3}, Layout{3, 2}}) {
            SCOPED_TRACE(name + " " + layout.name());
            run_job({name + ".yaml", "-o", name + layout.name() + ".h5"}, layout);
        }
    for (std::string fields : {"serial y", "shared y", "text length,checksum"}) {
        std::string name = fields.substr(0, fields.find(' ')), of = fields.substr(fields.find(' ') + 1);
        check({"same", of, path(name + Layout{0, 1}.name() + ".h5"), path(name + Layout{0, 3}.name() + ".h5"),
               path(name + Layout{3, 2}.name() + ".h5")});
    }
    check({"same", "x,y", path("shared" + Layout{0, 1}.name() + ".h5"), path("shared" + Layout{0, 1}.name() + ".h5")});
    Result text = sheaf({"show", "text" + Layout{3, 2}.name() + ".h5", "--csv", "--fields", "length"});
    EXPECT_EQ(text.out, "item,status,length\n0,done,4\n1,done,6\n2,done,5\n3,done,0\n4,done,4\n")
        << "a blank line is no row; bytes are counted\n"
        << text;
}

/* Without --threads a rank takes its share of the cores, or what OMP_NUM_THREADS says. */
TEST_F(Layouts, ThreadsFromTheEnvironment) {
    write_job("job.yaml", "count: 10", "square_plus");
    Result result = shell("OMP_NUM_THREADS=3 " SHEAF_PROGRAM " run job.yaml");
    EXPECT_EQ(count_of(result.err, "1 rank x 3 threads"), 1) << result;
    result = shell("OMP_NUM_THREADS=3 " SHEAF_PROGRAM " run job.yaml -o b.h5 --threads 1");
    EXPECT_EQ(count_of(result.err, "1 rank x 1 thread;"), 1) << result;
}

} // namespace
