/* Tables and lines as items of whole jobs: what was written in the file is what a program gets, and what is stored.
   Expected values are those of Python's csv module and of the shell. */
#include "cli/program.h"

#include <sys/stat.h>

namespace {

class CsvJob : public Program {
  protected:
    void holds(const std::string &file, const Words &claims) const {
        Words words = {"holds", path(file)};
        words.insert(words.end(), claims.begin(), claims.end());
        check(words);
    }
};

/* Codes, telephone numbers, versions: what a number would write otherwise. */
const char written[] = "p,q,phone,code,v,id,g\n"
                       "0.10,1E2,+491701234567,007,2.0,4295806720123456789,NA\n"
                       "1.,-0,+33,012,3.10,,5\n"
                       "1e-3,+5,0049,3,2.00,9007199254740993,1.50\n";
const char as_python[] = "[','.join(r) + '\\n' for r in list(__import__('csv').reader(open('in.csv')))[1:]]";

TEST_F(CsvJob, CommandsGetCellsAsTheyStand) {
    write("in.csv", written);
    for (const char *command :
         {"[echo, '{p},{q},{phone},{code},{v},{id},{g}']", "'echo \"{p},{q},{phone},\"{code},{v},{id},{g}'",
          "cat\nstdin: \"{p},{q},{phone},{code},{v},{id},{g}\\n\""}) {
        write("job.yaml", "items: {csv: in.csv}\ncommand: " + std::string(command) + "\n");
        run_job({"job.yaml", "--overwrite"}, {2, 2});
        holds("job.h5", {"text('stdout') == " + std::string(as_python), "f['p'][:].tolist() == [0.1, 1, 0.001]",
                         "f['q'].dtype == 'f8' and f['v'].dtype == 'f8' and f['phone'].dtype != 'f8'",
                         "text('code') == ['007', '012', '3']", "np.isnan(f['g'][0]) and f['g'][2] == 1.5",
                         "text('id') == ['4295806720123456789', '', '9007199254740993']"});
    }
}

/* The kernel takes floats; what is stored are the integers that the file has. */
TEST_F(CsvJob, InputsAreStoredInTheirOwnType) {
    write("in.csv", "id,m\n9007199254740993,007\n4,010\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: id + m}\n");
    for (const Layout &layout : {Layout{0, 1}, Layout{3, 1, true}}) {
        run_job({"job.yaml", "--overwrite"}, layout);
        holds("job.h5", {"f['id'].dtype == 'i8' and f['id'][:].tolist() == [9007199254740993, 4]",
                         "text('m') == ['007', '010']", "f['y'][:].tolist() == [9007199254740992. + 7, 14]"});
    }
}

TEST_F(CsvJob, WorkersGetNumbersAsNumbersAndTextAsText) {
    write("in.csv", "s;m;id;x\n1;007;4295806720123456789;NA\n2;8;;0.10\n");
    write("mirror.py",
          "import json, sys\nfor line in sys.stdin:\n    print(json.dumps({'heard': line}), flush=True)\n");
    write("job.yaml", "items: {csv: in.csv, types: {s: text, m: int64}, rename: {x: \"mass (kg)\"}}\n"
                      "worker: [\"" SHEAF_PYTHON "\", mirror.py]\noutputs: {heard: text}\n"
                      "params: {big: 42958067201234567890123, p: 2.50}\n");
    run_job({"job.yaml"}, {0, 1});
    holds("job.h5", {"[json.loads(h) for h in text('heard')] == ["
                     "{'item': 0, 's': '1', 'm': 7, 'id': '4295806720123456789', 'mass (kg)': None,"
                     " 'big': 42958067201234567890123, 'p': 2.5},"
                     "{'item': 1, 's': '2', 'm': 8, 'id': '', 'mass (kg)': 0.1,"
                     " 'big': 42958067201234567890123, 'p': 2.5}]",
                     "'\"p\": 2.50}' in text('heard')[0]"});
}

TEST_F(CsvJob, WhatShowWritesAreTheNextJobsItems) {
    write("in.csv", "id,x,label\n4295806720123456789,0.1,\"a, b\"\n2,1e300,007\n");
    write("first.yaml", "items: {csv: in.csv}\nexpression: {y: x * 3}\n");
    write("next.yaml", "items: {csv: first.csv}\nexpression: {z: y / x}\n");
    run_job({"first.yaml"});
    ASSERT_EQ(shell(SHEAF_PROGRAM " show first.h5 --csv > first.csv").exit, 0);
    Result result = run_job({"next.yaml"});
    EXPECT_EQ(count_of(result.err, "'earlier_status'"), 1) << result;
    EXPECT_EQ(count_of(run_job({"next.yaml", "-q", "--overwrite"}).err, "earlier"), 0);
    holds("next.h5", {"f['id'][:].tolist() == [4295806720123456789, 2]", "f['x'][:].tolist() == [0.1, 1e300]",
                      "f['y'][:].tolist() == [0.1 * 3, 1e300 * 3]", "text('label') == ['a, b', '007']",
                      "f['earlier_item'][:].tolist() == [0, 1]", "text('earlier_status') == ['done', 'done']"});
}

/* The kernel tells no size of its files. A pipe would be empty when the job goes on. */
TEST_F(CsvJob, FilesWithoutASizeAreReadWhole) {
    write("job.yaml", "items: {lines: /proc/cpuinfo}\ncommand: [printf, '%s', '{line}']\n");
    run_job({"job.yaml"}, {2, 1});
    holds("job.h5", {"len(status) == len(open('/proc/cpuinfo').readlines())",
                     "text('stdout')[0].split() == open('/proc/cpuinfo').readline().split()"});
    ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
    write("pipe.yaml", "items: {csv: pipe}\nexpression: {y: x}\n");
    Result result = run_job({"pipe.yaml"}, {}, 2);
    EXPECT_EQ(count_of(result.err, "is a pipe, not a regular file"), 1) << result;
}

/* What the job says of its table is a part of it. */
/* A job that takes the table otherwise goes on with the items that are as they were. */
TEST_F(CsvJob, AnotherReadingOfTheFileComputesWhatItChanges) {
    write("in.csv", "x\n1\n-999\n");
    write("job.yaml", "items: {csv: in.csv}\nexpression: {y: x}\n");
    run_job({"job.yaml"});
    Result result = run_job({"job.yaml", "--set", "items.missing=[-999]"});
    EXPECT_EQ(count_of(result.err, "1 of 2 items are those of job.h5; 1 is new"), 1) << result;
    holds("job.h5", {"f['x'][0] == 1 and np.isnan(f['x'][1]) and np.isnan(f['y'][1])", "(status == 1).all()"});
}

} // namespace
