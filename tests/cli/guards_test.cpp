/* What goes wrong around a run: inputs that change under it, kernels that end the program, names that lead to the same
   file. */
#include "cli/program.h"

#include <unistd.h>

namespace {

class Guards : public Program {
  protected:
    Guards() {
        write_numbers("in.csv", 1);
        write_job("job.yaml", "csv: in.csv", "hostile:slow", "params: {ms: 5}\n");
    }

    /* 300 rows in column x, all with as many digits, from `first` on. */
    void write_numbers(const std::string &name, int first, const std::string &behind = "") {
        std::string text = "x\n";
        for (int i = 0; i < 300; i++)
            text += std::to_string(1000 + first + i) + behind + "\n";
        write(name, text);
    }

    /* Lets a run get under way, does something, and gives what becomes of the run. */
    Result during(const Layout &layout, const std::function<void()> &act) {
        Child child(command({"run", "job.yaml"}, layout), start());
        StatusPlace place;
        EXPECT_TRUE(wait_until([&] {
            if (place.offset < 0)
                place = find_status(path("job.h5"));
            return !child.running() || (place.offset >= 0 && count_done(path("job.h5"), place) >= 10);
        }));
        act();
        return child.wait();
    }
};

/* The same size and layout, other numbers: nothing but the time of change and the values tell. */
TEST_F(Guards, AnInputThatChangesEndsTheRun) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_numbers("in.csv", 1);
        unlink(path("job.h5").c_str());
        write_numbers("other.csv", 501);
        Result result =
            during(layout, [&] { /* in place: what is cut for a moment is another test's */
                                 EXPECT_EQ(shell("dd if=other.csv of=in.csv conv=notrunc status=none").exit, 0);
            });
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "in.csv: was changed while the run used it"), 1) << result;
        write_numbers("in.csv", 1); /* the old content again: it goes on, and all rows are of that */
        run_job({"job.yaml"}, layout);
        Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "x,y"});
        for (int i = 0; i < 300; i++) {
            int x = 1001 + i;
            std::string row = "\n" + std::to_string(i) + ",done," + std::to_string(x) + "," + std::to_string(2 * x + 1);
            EXPECT_EQ(count_of(rows.out, row + "\n"), 1) << row;
        }
    }
}

/* Floats of a table are mapped from their copies in the results file, in a run that goes on too: what becomes of the table
   meanwhile changes nothing. */
TEST_F(Guards, FloatsOfATableAreThoseOfItsBeginning) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_numbers("in.csv", 1, ".5");
        write_numbers("other.csv", 501, ".5");
        unlink(path("job.h5").c_str());
        run_job({"job.yaml", "--items", "0:4,100:103"}, layout);
        Result result =
            during(layout, [&] { EXPECT_EQ(shell("dd if=other.csv of=in.csv conv=notrunc status=none").exit, 0); });
        EXPECT_EQ(result.exit, 0) << result;
        Result rows = sheaf({"show", "job.h5", "--csv", "--fields", "x,y"});
        for (int i = 0; i < 300; i++) {
            const int x = 1001 + i; /* y = 2 x + 1 */
            const std::string row =
                "\n" + std::to_string(i) + ",done," + std::to_string(x) + ".5," + std::to_string(2 * x + 2) + "\n";
            EXPECT_EQ(count_of(rows.out, row), 1) << row;
        }
        EXPECT_EQ(run_job({"job.yaml"}, layout, 2).exit, 2) << "it is another job now";
    }
}

/* They lie in the results file: where that is emptied nobody is told of an input. */
TEST_F(Guards, AnEmptiedResultsFileIsNoInput) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_numbers("in.csv", 1, ".5");
        unlink(path("job.h5").c_str());
        Result result = during(layout, [&] { ASSERT_EQ(truncate(path("job.h5").c_str(), 0), 0); });
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_GE(count_of(result.err, "was emptied"), 1) << result;
        EXPECT_EQ(count_of(result.err, "an input file shrank"), 0) << result;
        unlink(path("job.h5").c_str());
    }
}

TEST_F(Guards, AnInputThatIsCutEndsTheRunClearly) {
    for (const Layout &layout : {Layout{0, 1}, Layout{2, 1}}) {
        SCOPED_TRACE(layout.name());
        write_numbers("in.csv", 1);
        unlink(path("job.h5").c_str());
        Result result = during(layout, [&] { ASSERT_EQ(truncate(path("in.csv").c_str(), 0), 0); });
        EXPECT_EQ(result.exit, 3) << result;
        EXPECT_EQ(count_of(result.err, "in.csv: was changed") + count_of(result.err, "an input file shrank"), 1)
            << result;
    }
}

TEST_F(Guards, AKernelThatExitsIsNoSuccess) {
    write("exits.c", "#include <sheaf/kernel.h>\n#include <stdlib.h>\n"
                     "static const struct sheaf_field out[] = {{\"y\", SHEAF_FLOAT64, 1, 0, 0, 0}};\n"
                     "static int open(const struct sheaf_setup *s, struct sheaf_shape *h, void **self) {\n"
                     "    (void)s; *self = 0; h->n_outputs = 1; h->outputs = out; return 0; }\n"
                     "static int map(const void *s, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
                     "    (void)s; (void)c; if (b->first == 5) exit(0); *(double *)b->out[0] = 1; return 0; }\n"
                     "SHEAF_EXPORT extern const struct sheaf_kernel sheaf_kernel_exits;\n"
                     "const struct sheaf_kernel sheaf_kernel_exits = {.head = SHEAF_KERNEL(exits), .version = \"1\",\n"
                     "    .summary = \"\", .open = open, .map = map};\n");
    ASSERT_EQ(shell("cc -shared -fPIC -I" SHEAF_SOURCE_DIR "/include exits.c -o exits.so").exit, 0);
    write("exits.yaml", "items: {count: 20}\nkernel: ./exits.so:exits\n");
    for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
        Result result = run_job({"exits.yaml", "--overwrite"}, layout, 3);
        EXPECT_EQ(count_of(result.err, "the kernel ended the program"), 1) << result;
    }
}

/* A link's target is the file: it is written, and locked, under whatever name. */
TEST_F(Guards, LinksLeadToTheSameFile) {
    ASSERT_EQ(symlink("target.h5", path("link.h5").c_str()), 0);
    run_job({"job.yaml", "-o", "link.h5", "--items", "0:4"});
    EXPECT_EQ(sheaf({"status", "target.h5"}).out, "target.h5: 300 items, 296 pending, 4 done\n"
                                                  "  no run is at work on it; run the job again to go on\n");
    char target[64] = "";
    EXPECT_EQ(readlink(path("link.h5").c_str(), target, sizeof target - 1), 9) << "still a link";
    Child first(command({"run", "job.yaml", "-o", "target.h5"}, {0, 1}), start());
    ASSERT_TRUE(wait_until([&] { return exists(path("target.h5.lock")) || !first.running(); }));
    Result second = sheaf({"run", "job.yaml", "-o", "link.h5"});
    EXPECT_EQ(second.exit, 2) << second;
    EXPECT_EQ(count_of(second.err, "another run is writing it"), 1) << second;
    EXPECT_EQ(first.wait().exit, 0);
}

TEST_F(Guards, MessagesKeepTheirLetters) {
    write("umlaut.c",
          "#include <sheaf/kernel.h>\n"
          "static const struct sheaf_field out[] = {{\"y\", SHEAF_FLOAT64, 1, 0, 0, 0}};\n"
          "static int open(const struct sheaf_setup *s, struct sheaf_shape *h, void **self) {\n"
          "    (void)s; *self = 0; h->n_outputs = 1; h->outputs = out; return 0; }\n"
          "static int map(const void *s, const struct sheaf_context *c, const struct sheaf_block *b) {\n"
          "    (void)s; (void)b; c->fail(c, 0, \"zu groß: 3 µm, and a sentence that is longer than a "
          "column of a table would be\"); return 0; }\n"
          "SHEAF_EXPORT extern const struct sheaf_kernel sheaf_kernel_umlaut;\n"
          "const struct sheaf_kernel sheaf_kernel_umlaut = {.head = SHEAF_KERNEL(umlaut), .version = \"1\",\n"
          "    .summary = \"\", .open = open, .map = map};\n");
    ASSERT_EQ(shell("cc -shared -fPIC -I" SHEAF_SOURCE_DIR "/include umlaut.c -o umlaut.so").exit, 0);
    write("umlaut.yaml", "items: {count: 1}\nkernel: ./umlaut.so:umlaut\n");
    run_job({"umlaut.yaml"}, {}, 1);
    Result shown = sheaf({"show", "umlaut.h5", "--where-failed"});
    EXPECT_EQ(count_of(shown.out, "zu groß: 3 µm, and a sentence that is longer than a column of a table would be"), 1)
        << shown;
}

} // namespace
