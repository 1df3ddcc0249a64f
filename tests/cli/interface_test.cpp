/* What a plugin may say and is told, with tests/plugins/interface.c; each in the run's own process and isolated. */
#include "cli/program.h"

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

} // namespace
