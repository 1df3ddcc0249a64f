/* Every command line of README.md works: lines in ```sh blocks, and lines that begin with "$ " in others. They run one
   after the other from the top of a copy of the source tree, with this build as its build/. */
#include "cli/program.h"

#include <sstream>

namespace {

/* The commands, in order; a trailing backslash joins lines. */
Words commands_of(const std::string &text) {
    Words commands;
    bool inside = false, shell = false;
    std::istringstream lines(text);
    std::string joined;
    for (std::string line; std::getline(lines, line);) {
        size_t indent = line.find_first_not_of(' ');
        std::string bare = indent == std::string::npos ? "" : line.substr(indent);
        if (bare.rfind("```", 0) == 0) {
            inside = !inside;
            shell = inside && (bare.rfind("```sh", 0) == 0 || bare.rfind("```bash", 0) == 0);
            continue;
        }
        bool prompt = bare.rfind("$ ", 0) == 0;
        if (!inside || (joined.empty() && !prompt && !shell))
            continue;
        joined += prompt ? bare.substr(2) : bare;
        if (!joined.empty() && joined.back() == '\\') {
            joined.pop_back();
            continue;
        }
        if (!joined.empty() && joined[0] != '#')
            commands.push_back(joined);
        joined.clear();
    }
    return commands;
}

bool begins(const std::string &text, const Words &starts) {
    for (const std::string &start : starts)
        if (text == start || text.rfind(start + " ", 0) == 0)
            return true;
    return false;
}

class Readme : public Program {
  protected:
    /* What installs packages, fetches, builds anew or wants a cluster is not run here; but what it names must exist. */
    void look_at(const std::string &command, const std::string &folder) {
        std::istringstream words(command);
        for (std::string word; words >> word && word[0] != '#';) {
            bool is_script = word.rfind("./", 0) == 0 || word.rfind("../", 0) == 0 || word.rfind("jobs/", 0) == 0 ||
                             word.rfind("tests/", 0) == 0;
            if (!is_script)
                continue;
            std::string there = folder + "/" + word;
            EXPECT_TRUE(exists(there)) << "README.md: '" << command << "': there is no " << word;
            if (exists(there) && shell("test -f " + there).exit == 0 && read_file(there).rfind("#!", 0) == 0) {
                EXPECT_EQ(shell("test -x " + there + " && bash -n " + there).exit, 0) << word;
            }
        }
    }
};

TEST_F(Readme, Commands) {
    Words commands = commands_of(read_file(SHEAF_SOURCE_DIR "/README.md"));
    if (commands.empty())
        GTEST_SKIP() << "README.md has no commands yet";
    ASSERT_EQ(shell("mkdir sheaf && cd " SHEAF_SOURCE_DIR " && tar cf - --exclude=./.git --exclude=./build "
                    "--exclude=./build-asan --exclude=./build-clang --exclude='*.h5' . | tar xf - -C " +
                    path("sheaf") + " && ln -s " SHEAF_BUILD_DIR " " + path("sheaf/build"))
                  .exit,
              0);
    const Words special = {"git",          "sudo",        "apt",    "apt-get", "./bootstrap",  "jobs/quickstart.sh",
                           "configure",    "./configure", "sbatch", "srun",    "tests/run.sh", "mkdir",
                           "../configure", "spack",       "dnf",    "module",  "scancel",      "squeue",
                           "ssh",          "man",         "pip",    "conda"};
    std::string folder = path("sheaf"), installed = path("bin");
    ASSERT_EQ(shell("mkdir bin && ln -s " SHEAF_PROGRAM " bin/sheaf").exit, 0);
    for (std::string command : commands) {
        SCOPED_TRACE("README.md: " + command);
        if (begins(command, {"cd"})) {
            std::string to = command.substr(3);
            if (to != "sheaf") {
                folder += "/" + to;
                EXPECT_TRUE(exists(folder)) << "no folder " << to;
            }
            continue;
        }
        bool builds = begins(command, {"make"}) && command.find(" -C ") == std::string::npos;
        if (builds || begins(command, special)) {
            look_at(command, folder);
            continue;
        }
        Start how = start();
        how.folder = folder;
        how.env["PATH"] = installed + ":" + getenv("PATH");
        how.deadline_s = 120;
        Result result = Child({"bash", "-c", "set -o pipefail; " + command}, how).wait();
        EXPECT_EQ(result.exit, 0) << result;
    }
}

/* The ```python blocks run after the commands, in one go. */
std::string python_of(const std::string &text) {
    bool inside = false;
    std::string code;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("```", 0) == 0)
            inside = !inside && line == "```python";
        else if (inside)
            code += line + "\n";
    }
    return code;
}

TEST_F(Readme, Python) {
    std::string code = python_of(read_file(SHEAF_SOURCE_DIR "/README.md"));
    if (code.empty())
        GTEST_SKIP() << "README.md has no Python yet";
    if (run({SHEAF_PYTHON, "-c", "import xarray, netCDF4"}).exit != 0)
        GTEST_SKIP() << "there is no xarray";
    run_job({SHEAF_SOURCE_DIR "/jobs/moid.yaml"});
    run_job({SHEAF_SOURCE_DIR "/jobs/sweep-ode/mathieu.yaml", "--set", "items.grid.a.linspace=[0, 4, 5]", "--set",
             "items.grid.q.linspace=[0, 1, 3]"});
    Result result = run({SHEAF_PYTHON, "-c", code});
    EXPECT_EQ(result.exit, 0) << result;
    /* What a remark behind a print says is what comes out. */
    for (size_t at = code.find("print("); at != std::string::npos; at = code.find("print(", at + 1)) {
        std::string line = code.substr(at, code.find('\n', at) - at);
        if (line.find("# ") != std::string::npos) {
            EXPECT_EQ(count_of(result.out, line.substr(line.find("# ") + 2) + "\n"), 1) << result;
        }
    }
}

/* The parser itself. */
TEST(ReadmeParser, FindsCommands) {
    EXPECT_EQ(commands_of("$ not in a block\n```sh\n# a remark\none\ntwo \\\n  more\n\n```\n```\noutput\n$ three\n"
                          "table\n```\n~~~\n```yaml\nname: x\n```\n   ```bash\n   four\n   ```\n"),
              (Words{"one", "two more", "three", "four"}));
}

} // namespace
