/* What a plugin may say and is told, with tests/plugins/interface.c; each in the run's own process and isolated. */
#include "cli/program.h"

#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

namespace {

const char open_results[] = "import os, sys\n"
                            "os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
                            "import h5py\n"
                            "import numpy as np\n"
                            "f = h5py.File('job.h5')\n"
                            "status = list(f['status'][:])\n"
                            "errors = f['sheaf/errors']\n"
                            "said = {int(i): bytes(m).rstrip(b'\\0').decode() for i, m in\n"
                            "        zip(errors['item'][:], errors['message'][:]) if bytes(m).rstrip(b'\\0')}\n";

class Interface : public Program {
  protected:
    void write_interface(const std::string &kernel, int n_items, const std::string &more, bool isolated) const {
        write_job("job.yaml", "count: " + std::to_string(n_items), SHEAF_PLUGIN_DIR "/interface.so:" + kernel,
                  more + (isolated ? "isolate: true\n" : ""));
    }
    /* Python that looks into f, the results, and their status and messages. */
    void look(const std::string &python) const {
        write("look.py", open_results + python);
        Result result = run({SHEAF_PYTHON, "look.py"});
        EXPECT_EQ(result.exit, 0) << result;
    }
};

/* Bytes and their number in place of a format: nothing in them is one, and no more of them is read. */
TEST_F(Interface, MessagesWithoutAFormat) {
    for (bool isolated : {false, true}) {
        write_interface("says", 6, "", isolated);
        run_job({"job.yaml", "--overwrite"}, {0, 2}, 1);
        look("assert status == [1, 2, 3, 4, 2, 1], status\n"
             "assert said == {1: '90 %d and', 2: 'slow', 3: 'ärgerl', 4: 'all of it'}, said\n"
             "y = f['y'][:]\n"
             "assert [y[0], y[2], y[3], y[5]] == [0, 2, 3, 5], y\n" /* end leaves what map has set */
             "fill = np.iinfo(np.int64).min + 2\n"
             "assert [y[1], y[4]] == [fill, fill], y\n");
    }
}

/* A value of enum sheaf_result, or a mistake in the kernel: it fails the block all the same. */
TEST_F(Interface, ResultsOfMap) {
    const std::tuple<const char *, int, const char *> cases[] = {
        {"0", 0, ""},
        {"-1", 1, "the kernel failed the whole block without saying why"},
        {"5", 1, "the kernel failed the whole block (it returned 5, which is none of enum sheaf_result)"},
        {"-2", 3, "the kernel failed the whole block without saying why"}};
    for (const auto &[value, exit, message] : cases)
        for (bool isolated : {false, true}) {
            SCOPED_TRACE(std::string(value) + (isolated ? " isolated" : ""));
            write_interface("returns", 3, std::string("params: {value: ") + value + "}\n", isolated);
            Result result = run_job({"job.yaml", "--overwrite"}, {0, 1}, exit);
            const std::string wanted = exit == 0 ? "[1] * 3" : exit == 1 ? "[2] * 3" : "[0] * 3";
            look("assert status == " + wanted + ", status\n" +
                 (exit == 1 ? std::string("assert said == dict.fromkeys(range(3), '") + message + "'), said\n" : ""));
            if (exit == 3) {
                EXPECT_EQ(count_of(result.err, message), 1) << result;
            }
        }
}

/* What thread_open makes belongs to the thread, and is closed by it; one child stands for each thread where isolated. */
TEST_F(Interface, ThreadsHaveTheirOwn) {
    for (bool isolated : {false, true})
        for (const Layout &layout : {Layout{0, 3}, Layout{2, 2}}) {
            SCOPED_TRACE(layout.name() + (isolated ? " isolated" : ""));
            write("log", "");
            write_interface("threads", 3000, "params: {log: " + path("log") + "}\n", isolated);
            run_job({"job.yaml", "--overwrite"}, layout);
            look("assert status == [1] * 3000 and list(f['y'][:]) == [1] * 3000\n"
                 "lines = [line.split() for line in open('log')]\n"
                 "opened = sorted(int(slot) for what, slot in lines if what == 'open')\n"
                 "closed = sorted(int(slot) for what, slot in lines if what == 'close')\n"
                 "assert opened and opened == closed and len(lines) == 2 * len(opened), lines\n"
                 "assert len(set(opened)) == len(opened) and max(opened) <= 3, opened\n");
        }
}

TEST_F(Interface, AThreadThatIsRefusedEndsTheRun) {
    for (bool isolated : {false, true}) {
        write_interface("threads", 30, "params: {log: " + path("log") + ", refuse: 1}\n", isolated);
        Result result = run_job({"job.yaml", "--overwrite"}, {0, 1}, 3);
        EXPECT_EQ(count_of(result.err, "no context on device 0"), 1) << result;
        look("assert status == [0] * 30, status\n");
    }
}

/* The run drains, and what waits for that gives its items back; the next run computes them. */
TEST_F(Interface, ItemsThatAskStop) {
    for (bool isolated : {false, true})
        for (const std::string block : {"1", "4"})
            for (const Layout &layout : {Layout{0, 2}, Layout{2, 1}}) {
                SCOPED_TRACE(layout.name() + ", block " + block + (isolated ? ", isolated" : ""));
                unlink(path("job.h5").c_str());
                write_interface("stops", 40, "params: {from: 10, block: " + block + "}\n", isolated);
                Start stopping = start();
                stopping.env["SHEAF_TEST_STOP"] = "1";
                Child child(command({"run", "job.yaml"}, layout), stopping);
                EXPECT_TRUE(wait_for_done(child, path("job.h5"), 8));
                child.kill_all(SIGUSR1);
                Result result = child.wait();
                EXPECT_EQ(result.exit, layout.ranks ? result.exit : 75) << result;
                look("assert status[:8] == [1] * 8 and status[10:] == [0] * 30, status\n"
                     "assert set(status[8:10]) <= {0, 1} and not said, (status, said)\n");
                run_job({"job.yaml"}, layout);
                look("assert status == [1] * 40 and list(f['y'][:]) == list(range(40))\n");
            }
}

/* One line for each distinct text, from whatever rank, thread and process. */
TEST_F(Interface, WarningsAreSaidOnce) {
    for (bool isolated : {false, true})
        for (const Layout &layout : {Layout{0, 2}, Layout{3, 1}}) {
            SCOPED_TRACE(layout.name() + (isolated ? " isolated" : ""));
            write_interface("warns", 400, "", isolated);
            Result result = run_job({"job.yaml", "--overwrite"}, layout);
            const std::string warning = "sheaf: warning of kernel warns: ";
            for (const char *text : {"each is 0\n", "opened\n", "an odd item\n"})
                EXPECT_EQ(count_of(result.err, warning + text), 1) << result;
            EXPECT_EQ(count_of(result.err, warning), 3) << result;
            write_interface("warns", 400, "params: {each: 1}\n", isolated);
            result = run_job({"job.yaml", "--overwrite"}, layout);
            EXPECT_EQ(count_of(result.err, warning), 17) << result; /* core/warnings.h: 16, and that there were more */
            EXPECT_EQ(count_of(result.err, warning + "there were more warnings, which are not shown\n"), 1) << result;
            result = run_job({"job.yaml", "--overwrite", "-q"}, layout);
            EXPECT_EQ(result.err, "");
        }
}

/* A file of a param is seen from the job file, must be there, and counts by its content. */
TEST_F(Interface, FilesAreSeenFromTheJob) {
    ASSERT_EQ(mkdir(path("job").c_str(), 0777), 0);
    write("job/a.txt", "5\n");
    write("b.txt", "30\n");
    const std::string head = "name: job\nitems: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/interface.so:reads\n";
    for (const std::string isolate : {"", "isolate: true\n"}) {
        write("job/job.yaml", head + isolate + "params: {table: a.txt}\n");
        run_job({"job/job.yaml", "--overwrite"}, {0, 1});
        look("assert list(f['y'][:]) == [5] * 3\n");
        run_job({"job/job.yaml", "--overwrite", "--set", "params.more=b.txt"}, {2, 1}); /* from where the user stands */
        look("assert list(f['y'][:]) == [35] * 3\n");
    }
}

TEST_F(Interface, FilesThatCannotBeReadAreRefused) {
    const std::string head = "name: job\nitems: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/interface.so:reads\n";
    ASSERT_EQ(mkdir(path("folder").c_str(), 0777), 0);
    write("a.txt", "5\n");
    const std::pair<const char *, const char *> cases[] = {
        {"table: none.txt", "job.yaml:4:17: params.table: there is no file none.txt: No such file"},
        {"table: folder", "job.yaml:4:17: params.table: folder is no file, but a folder"},
        {"table: ''", "job.yaml:4:17: params.table is ''; it should be a file"},
        {"more: a.txt", "job.yaml:3:9: kernel reads needs the param 'table'"},
        {"table: a.txt, more: none.txt", "job.yaml:4:30: params.more: there is no file none.txt"}};
    for (const auto &[params, message] : cases) {
        write("job.yaml", head + "params: {" + params + "}\n");
        Result result = sheaf({"run", "job.yaml"}, {2, 1});
        EXPECT_EQ(result.exit, 2) << result;
        EXPECT_EQ(count_of(result.err, message), 1) << result;
        EXPECT_FALSE(exists(path("job.h5")));
    }
}

/* Another content is another job, unless that is accepted; another name is, too. */
TEST_F(Interface, FilesBelongToTheIdentity) {
    const std::string head = "name: job\nitems: {count: 3}\nkernel: " SHEAF_PLUGIN_DIR "/interface.so:reads\n";
    write("job.yaml", head + "params: {table: a.txt}\n");
    write("a.txt", "5\n");
    write("b.txt", "5\n");
    run_job({"job.yaml", "--items", "0:1"});
    write("a.txt", "6\n");
    Result refused = sheaf({"run", "job.yaml"});
    EXPECT_EQ(refused.exit, 2) << refused;
    EXPECT_EQ(count_of(refused.err, "'a.txt' was changed since; --accept-changes keeps what is done"), 1) << refused;
    look("assert status == [1, 0, 0]\n");
    run_job({"job.yaml", "--accept-changes"});
    look("assert status == [1, 1, 1] and list(f['y'][:]) == [5, 6, 6]\n");
    refused = sheaf({"run", "job.yaml", "--set", "params.table=b.txt"});
    EXPECT_EQ(refused.exit, 2) << refused;
    EXPECT_EQ(count_of(refused.err, "it has 'param table: 'a.txt'', this job has 'param table: 'b.txt''"), 1)
        << refused;
}

} // namespace
