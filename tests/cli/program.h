/*
 * program - runs sheaf, mpirun, python and shells as a user would, for the tests of the whole program.
 *
 * A Child runs in a session of its own, so that all that descends from it (mpirun puts its ranks into process groups of
 * their own) can be found and killed. Every wait has a deadline, which a busy machine does not reach; what passes it is
 * killed and says so. Open MPI's mpirun sometimes hangs by itself when a rank was killed, after all that it has started
 * is gone: that is not ours, so such a mpirun is killed and it is said.
 */
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

using Words = std::vector<std::string>;

/* What became of a command. */
struct Result {
    int exit = -1;        /* exit code, or 128 + signal as in a shell */
    std::string out, err; /* stdout and stderr */
    std::string command;  /* for messages */
    bool timed_out = false;
    bool launcher_hung = false; /* mpirun was killed, since it hung when everything else had ended */
};

/* Everything about it, for a failing assertion. */
std::ostream &operator<<(std::ostream &to, const Result &result);

/* How a command is started. */
struct Start {
    std::string folder;                       /* where; empty: the test's own folder */
    std::map<std::string, std::string> env{}; /* set, or unset where the value is empty */
    double deadline_s = 300;
    double patience_s = 20;  /* with a mpirun that is alone */
    bool with_stdin = false; /* a pipe that close_stdin ends; else /dev/null */
};

class Child {
  public:
    Child(const Words &words, const Start &start);
    ~Child(); /* kills what is left of it */
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    pid_t pid() const { return pid_; }
    bool running();
    Result wait(); /* until the command itself ends, or the deadline */

    /* Processes of the session that are alive, its leader among them; only those called `name` if one is given. */
    std::vector<pid_t> processes(const std::string &name = "") const;
    pid_t find_stopped(const std::string &name) const; /* one of these that is stopped; 0: none */
    void kill_all(int signal) const;
    std::string out() const; /* so far */
    std::string err() const;
    void close_stdin();

  private:
    void each_process(const std::function<void(pid_t, const std::string &name, char state)> &see) const;

    pid_t pid_ = -1;
    int out_ = -1, err_ = -1, in_ = -1;
    void look_for_hung_launcher();

    bool ended_ = false;
    bool began_ = false;       /* something that is no launcher was seen */
    double alone_since_s_ = 0; /* there are launchers only; 0: others too */
    double next_look_s_ = 0;
    double until_s_ = 0, patience_s_ = 0;
    Result result_;
};

/* Processes that have this setting in their environment, whatever session they are in. */
std::vector<pid_t> find_marked(const std::string &setting);

/* What a process is called; "" where it has ended. */
std::string name_of_process(pid_t pid);

/* Polls until `holds` or the deadline; whether it held. */
bool wait_until(const std::function<bool()> &holds, double deadline_s = 120);

std::string read_file(const std::string &path);
void write_file(const std::string &path, const std::string &text);
bool exists(const std::string &path);
/* Names in a folder, sorted. */
Words list_folder(const std::string &path);
std::string shell_word(const std::string &word); /* for a shell */
int count_of(const std::string &text, const std::string &part);
bool slow_tests(); /* SHEAF_TEST_SLOW=1 */

/* Ranks (0: without mpirun) and threads (0: sheaf chooses); each rank apart from the others, as on a node of its own. */
struct Layout {
    int ranks = 0, threads = 0;
    bool apart = false;
    std::string name() const;
};

/* The base of all tests here: a folder of its own, removed in the end, with what is needed to run jobs in it. */
class Program : public ::testing::Test {
  protected:
    Program();
    ~Program() override;

    std::string path(const std::string &name) const { return folder_ + "/" + name; }
    void write(const std::string &name, const std::string &text) const { write_file(path(name), text); }
    std::string read(const std::string &name) const { return read_file(path(name)); }

    /* The items whose commands have put their number into the file `ran` since this was asked last, in order. */
    std::string ran() const;

    /* A job file in the folder; `kernel` may be hostile:NAME. */
    void write_job(const std::string &name, const std::string &items, const std::string &kernel,
                   const std::string &more = "") const;
    /* A CSV with column x of these values. */
    void write_x(const std::string &name, const std::vector<double> &x) const;

    Start start() const; /* in the folder, with the environment of the tests */
    Words command(const Words &arguments, const Layout &layout = {}) const;
    Result run(const Words &words) const; /* once more where mpirun hung by itself */
    Result shell(const std::string &line) const;
    Result sheaf(const Words &arguments, const Layout &layout = {}) const;
    /* sheaf run, which must end with `exit`. */
    Result run_job(const Words &arguments, const Layout &layout = {}, int exit = 0) const;
    /* tests/cli/check.py must agree; where it lacks what it needs, such as xarray, the test counts as skipped. */
    void check(const Words &arguments) const;

    std::string folder_;

  private:
    std::string shm_; /* for Open MPI's shared memory, so that killed runs leave nothing in /dev/shm */
};

/* Where the statuses of a results file lie, to look at them while a run writes. */
struct StatusPlace {
    off_t offset = -1;
    long n_items = 0;
};
StatusPlace find_status(const std::string &path); /* offset -1 if there is no such file yet */
long count_done(const std::string &path, const StatusPlace &place);
long count_safe(const std::string &path, const StatusPlace &place); /* from a power cut */
/* Notes of blocks that are, or were, computed in a run. */
int count_in_flight(const std::string &path);
/* Waits until this many items are done, or the run has ended; whether they are. */
bool wait_for_done(Child &child, const std::string &path, long n_items);
