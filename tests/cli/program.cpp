#include "cli/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include <hdf5.h>

namespace fs = std::filesystem;

namespace {

double now_s() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void nap() {
    timespec t{0, 1000000};
    nanosleep(&t, nullptr);
}

std::string read_descriptor(int fd) {
    std::string text;
    char buffer[65536];
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, buffer, sizeof buffer, at)) > 0; at += n)
        text.append(buffer, static_cast<size_t>(n));
    return text;
}

/* Name, state and session from /proc/PID/stat; the name may hold blanks and brackets. */
bool look_up(pid_t pid, std::string *name, char *state, pid_t *session) {
    int fd = open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC); /* may vanish meanwhile */
    std::string text = fd < 0 ? "" : read_descriptor(fd);
    if (fd >= 0)
        close(fd);
    size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos)
        return false;
    *name = text.substr(open + 1, close - open - 1);
    int parent, group;
    return sscanf(text.c_str() + close + 1, " %c %d %d %d", state, &parent, &group, session) == 4;
}

} // namespace

std::ostream &operator<<(std::ostream &to, const Result &result) {
    return to << "$ " << result.command << "\nexit " << result.exit << (result.timed_out ? " (deadline passed)" : "")
              << (result.launcher_hung ? " (mpirun hung by itself and was killed)" : "") << "\n--- stdout\n"
              << result.out << "--- stderr\n"
              << result.err << "---\n";
}

/* --- children ------------------------------------------------------------------------------------------------------ */

Child::Child(const Words &words, const Start &start) {
    int pipe_ends[2] = {-1, -1};
    out_ = memfd_create("stdout", MFD_CLOEXEC);
    err_ = memfd_create("stderr", MFD_CLOEXEC);
    if (start.with_stdin && pipe2(pipe_ends, O_CLOEXEC))
        pipe_ends[0] = -1;
    until_s_ = now_s() + start.deadline_s;
    patience_s_ = start.patience_s;
    for (const std::string &word : words)
        result_.command += (result_.command.empty() ? "" : " ") + shell_word(word);
    std::vector<char *> arguments;
    for (const std::string &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
        setsid();
        int in = start.with_stdin ? pipe_ends[0] : open("/dev/null", O_RDONLY);
        if (dup2(in, 0) < 0 || dup2(out_, 1) < 0 || dup2(err_, 2) < 0 || chdir(start.folder.c_str()))
            _exit(126);
        for (const auto &[name, value] : start.env)
            value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
        execvp(arguments[0], arguments.data());
        dprintf(2, "cannot start %s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    in_ = pipe_ends[1];
    if (pipe_ends[0] >= 0)
        close(pipe_ends[0]);
}

Child::~Child() {
    kill_all(SIGKILL);
    if (!ended_)
        waitpid(pid_, nullptr, 0);
    close_stdin();
    close(out_);
    close(err_);
}

void Child::close_stdin() {
    if (in_ >= 0)
        close(in_);
    in_ = -1;
}

bool Child::running() {
    int status = 0;
    if (ended_)
        return false;
    if (waitpid(pid_, &status, WNOHANG) == 0) {
        look_for_hung_launcher();
        return true;
    }
    ended_ = true;
    result_.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return false;
}

/* A mpirun that is alone, for a long time, after what it has started was there. */
void Child::look_for_hung_launcher() {
    const double now = now_s();
    if (now < next_look_s_)
        return;
    next_look_s_ = now + 0.25;
    std::vector<pid_t> launchers;
    bool others = false;
    each_process([&](pid_t pid, const std::string &called, char) {
        if (called == "mpirun")
            launchers.push_back(pid);
        else if (called != "bash" && called != "env" && called != "unshare") /* that have started it */
            others = true;
    });
    began_ = began_ || others;
    if (others || launchers.empty() || !began_)
        alone_since_s_ = 0;
    else if (alone_since_s_ == 0)
        alone_since_s_ = now;
    if (alone_since_s_ == 0 || now - alone_since_s_ < patience_s_)
        return;
    fprintf(stderr, "[   NOTE   ] mpirun hung by itself, after all that it had started had ended: killed\n");
    result_.launcher_hung = true;
    alone_since_s_ = 0;
    for (pid_t pid : launchers)
        kill(pid, SIGKILL);
}

Result Child::wait() {
    while (running()) {
        if (now_s() > until_s_) {
            result_.timed_out = true;
            kill_all(SIGKILL);
        }
        nap();
    }
    result_.out = read_descriptor(out_);
    result_.err = read_descriptor(err_);
    return result_;
}

void Child::each_process(const std::function<void(pid_t, const std::string &name, char state)> &see) const {
    for (const auto &entry : fs::directory_iterator("/proc")) {
        std::string text = entry.path().filename();
        if (text.find_first_not_of("0123456789") != std::string::npos)
            continue;
        std::string called;
        char state = 0;
        pid_t pid = std::stoi(text), session = -1;
        if (look_up(pid, &called, &state, &session) && session == pid_ && state != 'Z' && state != 'X')
            see(pid, called, state);
    }
}

std::vector<pid_t> Child::processes(const std::string &name) const {
    std::vector<pid_t> found;
    each_process([&](pid_t pid, const std::string &called, char) {
        if (name.empty() || called == name)
            found.push_back(pid);
    });
    return found;
}

pid_t Child::find_stopped(const std::string &name) const {
    pid_t found = 0;
    each_process([&](pid_t pid, const std::string &called, char state) {
        if (called == name && state == 'T')
            found = pid;
    });
    return found;
}

void Child::kill_all(int signal) const {
    for (pid_t pid : processes())
        kill(pid, signal);
}

std::string Child::out() const {
    return read_descriptor(out_);
}

std::string Child::err() const {
    return read_descriptor(err_);
}

bool wait_until(const std::function<bool()> &holds, double deadline_s) {
    for (double until_s = now_s() + deadline_s; !holds(); nap())
        if (now_s() > until_s)
            return false;
    return true;
}

std::string name_of_process(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

/* --- files and texts ----------------------------------------------------------------------------------------------- */

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path << " cannot be read";
    return std::string((std::istreambuf_iterator<char>(file)), {});
}

void write_file(const std::string &path, const std::string &text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    EXPECT_TRUE(file) << path << " cannot be written";
}

bool exists(const std::string &path) {
    struct stat about;
    return lstat(path.c_str(), &about) == 0;
}

Words list_folder(const std::string &path) {
    Words names;
    for (const auto &entry : fs::directory_iterator(path))
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

std::string shell_word(const std::string &word) {
    if (!word.empty() && word.find_first_of(" \t\n'\"\\$`;&|<>(){}[]*?!#~") == std::string::npos)
        return word;
    std::string text = "'";
    for (char c : word)
        text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

int count_of(const std::string &text, const std::string &part) {
    int n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        n++;
    return n;
}

bool slow_tests() {
    const char *slow = getenv("SHEAF_TEST_SLOW");
    return slow != nullptr && strcmp(slow, "1") == 0;
}

std::string Layout::name() const {
    return (ranks ? "-np " + std::to_string(ranks) : std::string("alone")) +
           (threads ? " x " + std::to_string(threads) + " threads" : "") + (apart ? ", apart" : "");
}

/* --- the fixture --------------------------------------------------------------------------------------------------- */

Program::Program() {
    char folder[] = "/tmp/sheaf-cli-XXXXXX", shm[] = "/dev/shm/sheaf-cli-XXXXXX";
    folder_ = mkdtemp(folder) ? folder : "/nowhere";
    shm_ = mkdtemp(shm) ? shm : folder_;
}

Program::~Program() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    fs::remove_all(shm_, ignored);
}

std::string Program::ran() const {
    const std::string said = shell("test -e ran && sort -n ran | tr '\\n' ' '").out;
    unlink(path("ran").c_str());
    return said;
}

Start Program::start() const {
    Start start;
    start.folder = folder_;
    start.env = {
        {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
        {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"},
        {"OMPI_MCA_pml", "ob1"}, /* starts in half the time */
        {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
        {"OMPI_MCA_btl_vader_backing_directory", shm_},
        {"OMPI_MCA_osc_sm_backing_directory", shm_},
        {"TMPDIR", shm_}, /* Open MPI's session folder */
        {"OMP_NUM_THREADS", ""},
        {"COLUMNS", ""},
        {"PYTHONDONTWRITEBYTECODE", "1"},
        {"XDG_CACHE_HOME", "/dev/null"}, /* formulas are compiled; a test of the cache has one of its own */
        {"MAKEFLAGS", ""},
        {"MAKELEVEL", ""},
        {"MFLAGS", ""},
    };
    if (geteuid() == 0) {
        start.env["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        start.env["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
    }
    return start;
}

void Program::write_job(const std::string &name, const std::string &items, const std::string &kernel,
                        const std::string &more) const {
    std::string called = kernel;
    if (kernel.rfind("hostile:", 0) == 0)
        called = SHEAF_PLUGIN_DIR "/hostile.so:" + kernel.substr(strlen("hostile:"));
    write(name, "name: job\nitems: {" + items + "}\nkernel: " + called + "\n" + more);
}

void Program::write_x(const std::string &name, const std::vector<double> &x) const {
    std::ostringstream text;
    text << "x\n" << std::setprecision(17);
    for (double value : x)
        text << value << "\n";
    write(name, text.str());
}

Words Program::command(const Words &arguments, const Layout &layout) const {
    Words words;
    if (layout.ranks)
        words = {"mpirun", "--oversubscribe", "--bind-to", "none", "-np", std::to_string(layout.ranks)};
    if (layout.apart)
        words.insert(words.begin(), {"env", "SHEAF_RANKS_PER_NODE=1"}); /* which becomes mpirun: the same process */
    words.push_back(SHEAF_PROGRAM);
    words.insert(words.end(), arguments.begin(), arguments.end());
    if (layout.threads)
        words.insert(words.end(), {"--threads", std::to_string(layout.threads)});
    return words;
}

Result Program::run(const Words &words) const {
    Result result;
    for (int i = 0; i < 3; i++) {
        result = Child(words, start()).wait();
        if (!result.launcher_hung)
            break;
    }
    return result;
}

Result Program::shell(const std::string &line) const {
    return run({"bash", "-c", line});
}

Result Program::sheaf(const Words &arguments, const Layout &layout) const {
    return run(command(arguments, layout));
}

Result Program::run_job(const Words &arguments, const Layout &layout, int exit) const {
    Words words = {"run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Result result = sheaf(words, layout);
    EXPECT_EQ(result.exit, exit) << result;
    return result;
}

void Program::check(const Words &arguments) const {
    Words words = {SHEAF_PYTHON, SHEAF_SOURCE_DIR "/tests/cli/check.py"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    Result result = run(words);
    if (result.exit == 77)
        GTEST_SKIP() << "not checked: " << result.out;
    EXPECT_EQ(result.exit, 0) << result;
}

std::vector<pid_t> find_marked(const std::string &setting) {
    std::vector<pid_t> found;
    for (const auto &entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = atoi(entry.path().filename().c_str());
        std::ifstream file(entry.path() / "environ", std::ios::binary);
        std::string all((std::istreambuf_iterator<char>(file)), {});
        if (pid > 0 && pid != getpid() && ('\0' + all).find('\0' + setting + '\0') != std::string::npos)
            found.push_back(pid);
    }
    return found;
}

/* --- statuses ------------------------------------------------------------------------------------------------------ */

StatusPlace find_status(const std::string &path) {
    StatusPlace place;
    if (!exists(path))
        return place;
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = file >= 0 ? H5Dopen2(file, "status", H5P_DEFAULT) : H5I_INVALID_HID;
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    if (space >= 0) {
        place.n_items = static_cast<long>(H5Sget_simple_extent_npoints(space));
        place.offset = static_cast<off_t>(H5Dget_offset(dataset));
        H5Sclose(space);
    }
    if (dataset >= 0)
        H5Dclose(dataset);
    if (file >= 0)
        H5Fclose(file);
    return place;
}

static std::vector<char> read_statuses(const std::string &path, const StatusPlace &place) {
    std::vector<char> statuses(static_cast<size_t>(place.n_items));
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, statuses.data(), statuses.size(), place.offset);
    if (fd >= 0)
        close(fd);
    statuses.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return statuses;
}

long count_done(const std::string &path, const StatusPlace &place) {
    const std::vector<char> all = read_statuses(path, place);
    return std::count_if(all.begin(), all.end(), [](char c) { return (c & 0x7f) == 1; });
}

long count_safe(const std::string &path, const StatusPlace &place) {
    const std::vector<char> all = read_statuses(path, place);
    return std::count(all.begin(), all.end(), 1);
}

int count_in_flight(const std::string &path) {
    if (find_status(path).offset < 0)
        return 0;
    std::vector<int64_t> rows;
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = file >= 0 ? H5Dopen2(file, "sheaf/in_flight", H5P_DEFAULT) : H5I_INVALID_HID;
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    hsize_t shape[2] = {0, 0};
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == 2 && H5Sget_simple_extent_dims(space, shape, nullptr) == 2) {
        rows.resize(shape[0] * shape[1]);
        if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) < 0)
            rows.clear();
    }
    if (space >= 0)
        H5Sclose(space);
    if (dataset >= 0)
        H5Dclose(dataset);
    if (file >= 0)
        H5Fclose(file);
    int n = 0;
    for (size_t at = 1; at < rows.size(); at += shape[1])
        n += rows[at] > 0;
    return n;
}

bool wait_for_done(Child &child, const std::string &path, long n_items) {
    StatusPlace place;
    long n_done = 0;
    return wait_until([&] {
               if (place.offset < 0)
                   place = find_status(path);
               n_done = place.offset < 0 ? 0 : count_done(path, place);
               return n_done >= n_items || !child.running();
           }) &&
           n_done >= n_items;
}
