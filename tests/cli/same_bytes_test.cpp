/* The same bytes whatever the layout (DESIGN R2), also of runs that were killed: every schedule, ranks, threads, nodes,
   without a kill and with three. SHEAF_TEST_SLOW=1 kills each of them; else those that differ most. */
#include "cli/program.h"

#include <signal.h>
#include <unistd.h>

#include <random>

namespace {

struct Way {
    Layout layout;
    std::string policy;
    std::string name() const { return layout.name() + ", " + policy; }
};

std::vector<Way> every_way() {
    std::vector<Way> ways;
    for (int ranks : {0, 2, 4})
        for (int threads : {1, 2})
            for (int apart = 0; apart <= (ranks > 1 ? 1 : 0); apart++)
                for (std::string policy : {"static", "weighted", "dynamic", "auto"})
                    ways.push_back({{ranks, threads, apart == 1}, policy});
    return ways;
}

/* The kernel: two fields that depend on x, the item's place in its block and its own random numbers, so that an item that
   is computed twice, in another block or from another stream shows; it sleeps, so that there is time for a kill. */
const char kernel[] =
    "#include <sheaf/kernel.h>\n"
    "#include <math.h>\n"
    "#include <time.h>\n"
    "static const struct sheaf_field in[] = {{\"x\", SHEAF_FLOAT64, 1, 0, 0, 0}};\n"
    "static const struct sheaf_field out[] = {{\"y\", SHEAF_FLOAT64, 3, 0, 0, 0}, {\"k\", SHEAF_INT32, 1, 0, 0, 0}};\n"
    "static int open(const struct sheaf_setup *s, struct sheaf_shape *h, void **self) {\n"
    "    (void)s; *self = 0; h->n_outputs = 2; h->outputs = out; h->block = 3; return 0; }\n"
    "static int map(const void *s, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
    "    const double *x = b->in[0]; double *y = b->out[0]; int *k = b->out[1]; (void)s;\n"
    "    struct timespec pause = {0, 1000000};\n"
    "    nanosleep(&pause, 0);\n"
    "    for (int64_t i = 0; i < b->n; i++) {\n"
    "        struct sheaf_random r;\n"
    "        c->random(c, i, &r);\n"
    "        c->uniform(&r, 1, &y[3 * i]);\n"
    "        y[3 * i + 1] = sin(x[i]) * exp(-x[i] / 300) + y[3 * i];\n"
    "        y[3 * i + 2] = x[i] + 1000 * (double)(b->first + i);\n"
    "        k[i] = (int)(b->first % 1000 * 10 + i);\n"
    "    }\n"
    "    return 0; }\n"
    "SHEAF_EXPORT extern const struct sheaf_kernel sheaf_kernel_traces;\n"
    "const struct sheaf_kernel sheaf_kernel_traces = {.head = SHEAF_KERNEL(traces), .version = \"1\",\n"
    "    .summary = \"\", .n_inputs = 1, .inputs = in, .open = open, .map = map};\n";

class SameBytes : public Program {
  protected:
    static constexpr int n_items = 600; /* 200 blocks of 1 ms and more */

    void SetUp() override {
        write("traces.c", kernel);
        Result built = shell(SHEAF_PLAIN_CC " -std=c11 -D_POSIX_C_SOURCE=200809L -shared -fPIC -I" SHEAF_SOURCE_DIR
                                            "/include traces.c -o traces.so -lm");
        ASSERT_EQ(built.exit, 0) << built;
        check({"make_input", path("in.h5"), std::to_string(n_items)});
        write("hdf5.yaml", "items: {hdf5: {file: in.h5, fields: {x: /x, cost: cost}}}\nkernel: ./traces.so:traces\n"
                           "seed: 5\n");
        std::string table = "x,cost\n";
        for (int i = 0; i < n_items; i++)
            table += std::to_string(0.125 * (i * 7 % 400)) + "," + std::to_string(1 + i % 97) + "\n";
        write("in.csv", table);
        write("csv.yaml", "items: {csv: in.csv}\nkernel: ./traces.so:traces\nseed: 5\n");
        for (std::string job : {"csv", "hdf5"}) {
            run_job({job + ".yaml", "-o", job + "-reference.h5", "-q"}, {0, 1});
            check({"traces", path(job + "-reference.h5")});
        }
        seed_ = std::random_device{}();
        random_.seed(seed_);
    }

    long random(long below) { return static_cast<long>(random_() % static_cast<unsigned long>(below)); }

    static Words arguments(const std::string &job, const Way &way, const std::string &transport) {
        Words words = {"run",   job + ".yaml",           "-o", "out.h5", "-q", "--set", "schedule.policy=" + way.policy,
                       "--set", "transport=" + transport};
        if (way.policy == "weighted")
            words.insert(words.end(), {"--set", "schedule.cost=cost"});
        return words;
    }

    /* CSV and HDF5, and the transports, take turns. */
    void run_one(const Way &way, int turn, int kills) {
        const std::string job = turn % 2 ? "csv" : "hdf5";
        const std::string transport = turn % 3 == 0 ? "auto" : turn % 3 == 1 ? "gather" : "direct";
        SCOPED_TRACE(way.name() + ", " + transport + ", " + job + ", seed " + std::to_string(seed_));
        const Words words = arguments(job, way, transport);
        unlink(path("out.h5").c_str());
        for (int k = 0; k < kills; k++) {
            Child child(command(words, way.layout), start());
            wait_for_done(child, path("out.h5"), 1 + random(n_items / kills) + k * n_items / kills);
            child.kill_all(SIGKILL);
            n_killed_ += child.wait().exit == 137;
            ASSERT_TRUE(wait_until([&] { return child.processes().empty(); })) << "something outlives the run";
        }
        Result last = sheaf(words, way.layout);
        EXPECT_EQ(last.exit, 0) << last;
        check({"same", "x,y,k", path(job + "-reference.h5"), path("out.h5")});
    }

    unsigned seed_ = 0;
    std::mt19937 random_;
    int n_killed_ = 0;
};

TEST_F(SameBytes, Uninterrupted) {
    int turn = 0;
    for (const Way &way : every_way()) {
        run_one(way, turn++, 0);
        if (slow_tests())
            run_one(way, turn + 2, 0);
        if (HasFailure())
            return;
    }
}

TEST_F(SameBytes, KilledThreeTimes) {
    std::vector<Way> ways = {{{0, 2}, "static"},     {{0, 1}, "dynamic"},      {{2, 2}, "dynamic"},
                             {{2, 1}, "weighted"},   {{2, 1, true}, "static"}, {{2, 2, true}, "dynamic"},
                             {{4, 1, true}, "auto"}, {{4, 1}, "static"}};
    if (slow_tests())
        ways = every_way();
    int turn = 0;
    for (const Way &way : ways) {
        run_one(way, turn++, 3);
        if (slow_tests())
            run_one(way, turn + 2, 3);
        if (HasFailure())
            return;
    }
    EXPECT_GT(n_killed_, turn) << "most runs ended before they could be killed: little was tested";
}

} // namespace
