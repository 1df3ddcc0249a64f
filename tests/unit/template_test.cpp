// kernel/program/template, script, reading and code: what values become in words and scripts. What scripts come to is
// asked of the shells themselves.
#include "unit/sheaf.h"

#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#define template template_ /* a word of C++ */
#include "kernel/program/code.h"
#include "kernel/program/template.h"
#undef template
}

using namespace unit;

namespace {

// Values that mean something to a shell, or look as if.
const std::vector<std::string> NASTY = {"plain",
                                        "",
                                        " two  blanks ",
                                        "it's \"quoted\"",
                                        "$(touch PWNED)",
                                        "`touch PWNED`",
                                        "; touch PWNED #",
                                        "' ; touch PWNED ; '",
                                        "\" ; touch PWNED ; \"",
                                        "*",
                                        "-n",
                                        "--",
                                        "a\\b\\\\c\\",
                                        "$HOME ${HOME} $((1+1))",
                                        "two\nlines\n\nand more",
                                        "{x} {{x}} {item}",
                                        "~ ! % & | < > [a-z] ?",
                                        "Größe 日本 \xf0\x9f\x9a\x80",
                                        "EOF"};

// One template read for the fields x (text), n (int64), v (three float64), some int64 with other names, and the params p
// and q.
class Template {
  public:
    Error error;
    int rc;
    template_ words{}, values{};

    Template(const std::string &text, bool script)
        : job_("items: {count: 1}\nkernel: any\nparams: {p: 2.50, q: \"a 'b' $c\"}\n") {
        EXPECT_EQ(job_.rc, 0) << job_.error.text();
        names_ = {&job_.job, "/the/job", 8, FIELDS, 0, used_, nullptr, 0, nullptr, &job_.job.document.arena};
        text_ = text;
        yaml_node node{};
        node.kind = YAML_SCALAR, node.file = "sweep.yaml", node.line = 3, node.column = 10, node.text = text_.c_str();
        rc = script ? sheaf_template_read_script(&words, &values, &node, &names_, error)
                    : sheaf_template_read(&words, &node, &names_, error);
    }

    // The text for an item; with `value` of the values, that one alone.
    std::string write(const std::string &x, int64_t item = 7, int value = -1) {
        const struct sheaf_text text = {x.data(), x.size()};
        const int64_t n = -12;
        const double v[3] = {0.1, 1e300, -3};
        const int64_t whole[] = {1, 2, 3, 4, 5};
        const void *of_field[8] = {&text, &n, v, whole, whole + 1, whole + 2, whole + 3, whole + 4}, *in[8] = {};
        std::vector<sheaf_field> inputs;
        for (int k = 0; k < names_.n_used; k++) {
            inputs.push_back(FIELDS[used_[k]]);
            in[k] = of_field[used_[k]];
        }
        const sheaf_block block = {sizeof block, item, 1, 1, in, nullptr};
        sheaf_buffer to{};
        const int done = value < 0 ? sheaf_template_write(&words, inputs.data(), &block, 0, &to, error)
                                   : sheaf_template_write_piece(&values, value, inputs.data(), &block, 0, &to, error);
        std::string written = done == 0 ? std::string(to.data, to.n_bytes) : "failed: " + error.text();
        sheaf_buffer_free(&to);
        return written;
    }

    // What a shell prints for the script, run in a folder.
    std::string run(const std::string &x, const Folder &folder, const char *shell = "/bin/sh") {
        const std::string script = write(x);
        int ends[2];
        if (pipe(ends))
            return "no pipe";
        const pid_t pid = fork();
        if (pid == 0) {
            for (int v = 0; v < values.n; v++)
                setenv(("SHEAF_VALUE_" + std::to_string(v + 1)).c_str(), write(x, 7, v).c_str(), 1);
            dup2(ends[1], 1), dup2(ends[1], 2), close(ends[0]), close(ends[1]);
            if (chdir(folder.path().c_str()) == 0)
                execlp(shell, shell, "-c", script.c_str(), nullptr);
            _exit(99);
        }
        close(ends[1]);
        std::string out;
        char bytes[4096];
        for (ssize_t n; (n = read(ends[0], bytes, sizeof bytes)) > 0;)
            out.append(bytes, static_cast<size_t>(n));
        close(ends[0]);
        waitpid(pid, nullptr, 0);
        return out;
    }

  private:
    inline static const sheaf_field FIELDS[8] = {field("x", SHEAF_TEXT),       field("n", SHEAF_INT64),
                                                 field("v", SHEAF_FLOAT64, 3), field("mass (kg)", SHEAF_INT64),
                                                 field("T °C", SHEAF_INT64),   field("y[0]", SHEAF_INT64),
                                                 field("w}z", SHEAF_INT64),    field("2", SHEAF_INT64)};
    Job job_;
    template_names names_{};
    int used_[9] = {};
    std::string text_;
};

TEST(CommandTemplate, AWordOfAListIsTheValueAsItIs) {
    for (const std::string &x : NASTY) {
        Template t("--name={x};{n} {{x}} {item}{p}{q} {v} {x,n} {1..3} {x", false);
        ASSERT_EQ(t.rc, 0) << t.error.text();
        EXPECT_EQ(t.write(x), "--name=" + x + ";-12 {x} 72.50a 'b' $c 0.1,1e+300,-3 {x,n} {1..3} {x");
        EXPECT_FALSE(t.words.constant);
    }
    Template constant("{p}-{q}{job_dir}", false);
    EXPECT_TRUE(constant.words.constant);
    EXPECT_EQ(constant.write(""), "2.50-a 'b' $c/the/job");
    EXPECT_FALSE(Template("{item}", false).words.constant);
}

// What looks like a place and is none, in words and in scripts; {{ }} around it stands for itself.
TEST(CommandTemplate, NamesThatNobodyKnows) {
    for (bool script : {false, true}) {
        for (std::string name : {"mass", "", "1", ".", "#", "//", " x ", "x ", " xx ", "x[0]", "x (kg)", "X",
                                 "MASS (KG", "T°C", "t  °C", "Größe"}) {
            Template t("run a{" + name + "} {x}", script);
            EXPECT_EQ(t.rc, -1) << name;
            EXPECT_STARTS(t.error.text(), "sweep.yaml:3:10: {" + name + "}: no field or param '" + name + "'");
            EXPECT_HAS(t.error.text(), "{{" + name + "}} stands for itself");
            Template escaped("run a{{" + name + "}} {n}", script);
            ASSERT_EQ(escaped.rc, 0) << escaped.error.text();
            EXPECT_STARTS(escaped.write(""), "run a{" + name + "} ");
        }
        EXPECT_HAS(Template("run { n }", script).error.text(), "did you mean 'n'");
        EXPECT_HAS(Template("run {T °c}", script).error.text(), "did you mean 'T °C'");
    }
}

// Braces of other languages.
TEST(CommandTemplate, OtherBracesAreWhatTheyAre) {
    for (std::string text : {"awk '/a/ { print } {print} {next} { exit } { n++ } {print $1} {gsub(/a/,\"b\")} {a[$1]} "
                             "{n[$1]++} END { print n }'",
                             R"({"a": {}, 'b':{"c" : {} , "d": [{}, {}]}, "e": {"f": 1}})", "echo {a,b} {1..9} a{1,2}",
                             "grep -E '[0-9]{4}(a|b){3}'", "f() {\n  cmd\n}", "{ cmd; }", "{", "}", "}{\n}"}) {
        for (bool script : {false, true}) {
            Template t(text, script);
            EXPECT_EQ(t.rc, 0) << t.error.text();
            EXPECT_EQ(t.write(""), text);
        }
    }
    Template shell("${n} ${HOME} \"${1}\" ${10} $n", true);
    EXPECT_EQ(shell.write(""), "${n} ${HOME} \"${1}\" ${10} $n") << "the shell's own";
}

// Names are as the table has them.
TEST(CommandTemplate, NamesMayHoldAnything) {
    for (bool script : {false, true}) {
        Template t("{mass (kg)} {T °C} '{y[0]}' {w}z}{2}", script);
        ASSERT_EQ(t.rc, 0) << t.error.text();
        std::string values;
        for (int v = 0; v < t.values.n; v++)
            values += t.write("", 7, v) + " ";
        EXPECT_EQ(script ? values : t.write("") + " ", script ? "1 2 3 4 5 " : "1 2 '3' 45 ");
    }
}

TEST(CommandTemplate, ANulByteIsRefused) {
    Template t("{x}", false);
    EXPECT_HAS(t.write(std::string("a\0b", 3)), "NUL");
}

// Scripts with the text {x}, by whatever the shell has, and what they print, with @ for the text.
struct Script {
    const char *name, *text, *found;
};

class CommandScript : public testing::TestWithParam<Script> {};

// Expects what `found` says of each nasty text.
void expect_found(const Script &script, const char *shell) {
    for (const std::string &x : NASTY) {
        Folder folder;
        Template t(script.text, true);
        ASSERT_EQ(t.rc, 0) << t.error.text();
        std::string wanted = script.found;
        for (size_t at = 0; (at = wanted.find('@', at)) != std::string::npos; at += x.size())
            wanted.replace(at, 1, x);
        EXPECT_EQ(t.run(x, folder, shell), wanted) << shell << " -c " << t.write(x);
        EXPECT_FALSE(std::filesystem::exists(folder / "PWNED")) << "the value was executed";
    }
}

TEST_P(CommandScript, TheValueArrivesWhole) {
    expect_found(GetParam(), "/bin/sh");
    expect_found(GetParam(), "bash");
}

const Script SCRIPTS[] = {
    {"Plain", "printf '[%s]' {x} a{x}b {x}{n}", "[@][a@b][@-12]"},
    {"Double", R"x(printf '[%s]' "{x}" "a {x} b" "\"{x}")x", "[@][a @ b][\"@]"},
    {"Single", R"x(printf '[%s]' '{x}' 'a "{x}" $b' 'it'\''s {x}')x", "[@][a \"@\" $b][it's @]"},
    {"Format", "printf '[%s]' {item} {p} '{q}' {v}", "[7][2.50][a 'b' $c][0.1,1e+300,-3]"},
    {"Command", R"x(printf '[%s]' "$(printf %s. {x})")x", "[@.]"},
    {"CommandInCommand", R"x(printf '[%s]' "$(printf '<%s>' "$(printf '%s.' {x})" '{x}')" "{x}")x", "[<@.><@>][@]"},
    {"SubshellInCommand", R"x(printf '[%s]' "$( (true); printf '%s.' {x})" "{x}")x", "[@.][@]"},
    {"CommandWithBrackets", R"x(printf '[%s]' "$(printf '%s)' ')' {x})" {x})x", "[))@)][@]"},
    {"Backticks", R"x(printf '[%s]' "`printf '%s.' {x}`" "{x}" {x})x", "[@.][@][@]"},
    {"InVariable", R"x(printf '[%s]' "${none:-{x}}" ${none:-{x}} ${none:-"{x}"} {x})x", "[@][@][@][@]"},
    {"Comment", "# don't \"trip\" (here\nprintf '[%s]' {x} # nor' here\nprintf '[%s]' {x} a#'{x}'", "[@][@][a#@]"},
    {"Escaped", R"x(printf '[%s]' {{x}} \{x} "\\" {x})x", "[{x}][{x}][\\][@]"},
    {"Arithmetic", "printf '[%s]' $(( (1 + {n}) * 2 )) \"$(({item}*{item}))\" {x}", "[-22][49][@]"},
    {"Document", "cat <<EOF\n\"{x}\" it's $((1+1)) {n}\nEOF\nprintf '[%s]' {x}", "\"@\" it's 2 -12\n[@]"},
    {"TwoDocuments",
     "cat <<EOF - /dev/fd/3 3<<-'END'\n{x}:$(printf '<%s.>' {x})\n EOF\nEOF\n\tas it's $HOME\n\tEND\nprintf '[%s]' {x}",
     "@:<@.>\n EOF\nas it's $HOME\n[@]"},
    {"Case", "case {x} in {x}) printf '[%s]' {x};; esac; case a in (a) printf %s {x};; esac", "[@]@"},
};

INSTANTIATE_TEST_SUITE_P(Places, CommandScript, testing::ValuesIn(SCRIPTS),
                         [](const auto &info) { return std::string(info.param.name); });

// What other programs read as code, and the ways to give it a value.
const Script WAYS[] = {
    {"Argument", R"x(sh -c 'printf "[%s]" "$1"' sh {x}; bash -euc 'printf "[%s]" "$1"' bash "{x}")x", "[@][@]"},
    {"Variable", R"x(x={x}; eval 'printf "[%s]" "$x"'; trap 'printf "[%s]" "$x"' EXIT)x", "[@][@]"},
    {"Quoted", R"x(bash -c "printf '[%s]' $(env printf %q {x})")x", "[@]"},
    {"Function", "f() { printf '[%s]' {x} \"$1\"; }; f {x}", "[@][@]"},
    {"Python", R"x(python3 -c 'import sys; sys.stdout.write(sys.argv[1])' {x})x", "@"},
    {"Awk", R"x(x={x} awk 'BEGIN { printf "%s", ENVIRON["x"] }')x", "@"},
    {"Perl", R"x(perl -e 'print $ARGV[0]' -- {x})x", "@"},
    {"Piped", "printf '[%s]' {x} | cat | sh -c 'cat' || bash -c :", "[@]"},
    {"File", "cat >f <<EOF; cat f\n[{x}]\nEOF", "[@]\n"},
    {"Numbers", R"x(sh -c "printf '[%s]' {n} {item} {p}"; eval "printf '[%s]' {n}"; awk 'BEGIN { printf {n} }')x",
     "[-12][7][2.50][-12]-12"},
    {"Subshells", "((printf '[%s]' a; true); printf '[%s]' {x})", "[a][@]"},
    {"Names", "local=5; echo eval trap {x} >/dev/null; printf '[%s]' {x}", "[@]"},
};

class CommandWays : public CommandScript {};

TEST_P(CommandWays, TheValueArrivesWhole) {
    expect_found(GetParam(), "/bin/sh");
}

INSTANTIATE_TEST_SUITE_P(Ways, CommandWays, testing::ValuesIn(WAYS),
                         [](const auto &info) { return std::string(info.param.name); });

// What bash has beyond the standard.
const Script BASHISMS[] = {
    {"Ansi", R"x(printf '[%s]' $'it\'s {x}' $'\\{x}' {x})x", "[it's @][\\@][@]"},
    {"Compared", "[[ {x} == zz ]] || printf '[%s]' {x}; [[ {n} -lt 0 ]] && (( {n} < 0 )) && printf '[%s]' {n}",
     "[@][-12]"},
    {"Loop", "for ((i = 0; i < -{n}; i += 6)); do printf '[%s]' {x} $[{n} + 1]; done", "[@][-11][@][-11]"},
    {"Files", "cat <(printf '[%s]' {x}) <(bash -c 'printf \"[%s]\" \"$1\"' - {x})", "[@][@]"},
    {"Array", "a=({x} {x}); printf '[%s]' \"${a[@]}\" \"${#a[@]}\"; declare y={x}; printf %s \"$y\"", "[@][@][2]@"},
    {"HereString", "cat <<<{x}", "@\n"},
};

class CommandBash : public CommandScript {};

TEST_P(CommandBash, TheValueArrivesWhole) {
    expect_found(GetParam(), "bash");
}

INSTANTIATE_TEST_SUITE_P(Bashisms, CommandBash, testing::ValuesIn(BASHISMS),
                         [](const auto &info) { return std::string(info.param.name); });

// Scripts in which a text would be run: they are refused for a text and say how it is done; a number may stand there.
TEST(CommandTemplate, TextsThatWouldBeRunAreRefused) {
    const std::pair<const char *, const char *> bad[] = {
        {"sh -c 'echo {x}'", "sh -c '… \"$1\" …' sh {x}"},
        {"bash -c \"echo '{x}'\"", "\"$1\""},
        {"/bin/bash -euo pipefail -c \"echo {x} \"", "as an argument"},
        {"if true; then env A=1 timeout 5 bash -lc \"echo {x}\"; fi", "as an argument"},
        {"find . -name sh -exec sh -c 'echo {x}' \\;", "as an argument"},
        {"ls | xargs -n 1 sh -c \"echo {x} \\$1\" sh", "as an argument"},
        {"\"$SHELL\" -c \"echo {x}\"", "as an argument"},
        {"sudo -u bob busybox sh -c 'echo {x}'", "as an argument"},
        {"echo \"$(bash -c \"echo {x}\")\"", "as an argument"},
        {"bash -c \"echo $(basename {x})\"", "as an argument"},
        {"bash -c \"echo `basename {x}`\"", "as an argument"},
        {"f() { eval \"a={x}\"; }", "before, x={x}, and write \"$x\""},
        {"eval echo {x}", "before, x={x}"},
        {"trap 'rm -f {x}' EXIT", "before, x={x}"},
        {"ssh -p 22 host ./sim {x}", "\"$(env printf %q {x})\""},
        {"nice ssh host \"./sim '{x}'\"", "printf %q"},
        {"su - bob -c 'echo {x}'", "environment"},
        {"python3 -W ignore -c 'f(\"{x}\")'", "sys.argv[1]"},
        {"/opt/bin/python3.11 -c\"f('{x}')\"", "sys.argv[1]"},
        {"perl -lane 'print \"{x}\"' f", "$ARGV[0]"},
        {"awk -F, -v y=1 '$1 == \"{x}\"' f", "ENVIRON[\"x\"]"},
        {"sed -e 's/NAME/{x}/' f", "here-document"},
        {"sed \"s/{x}/b/\" f", "here-document"},
        {"octave --eval \"f('{x}')\"", "environment"},
        {"matlab -nodisplay -batch \"f('{x}')\"", "environment"},
        {"sbatch --wrap=\"./sim {x}\"", "environment"},
        {"bash <<EOF\necho {x}\nEOF\n", "as an argument"},
        {"ssh host bash -s <<EOF\necho {x}\nEOF\n", "printf %q"},
        {"true; cat <<A; python3 - <<B\n{n}\nA\nprint('{x}')\nB\n", "sys.argv[1]"},
        {"cat <<EOF | tr a b | sh\necho {x}\nEOF\n", "as an argument"},
        {"echo \"echo {x}\" | tee log | bash", "as an argument"},
        {"bash <<<\"echo {x}\"", "as an argument"},
        {"bash -s a 2>&1 <<< \"echo {x}\"", "as an argument"},
        {"bash 2>/dev/null -c \"echo {x}\" > log", "as an argument"},
        {"bash \\\n  -c \\\n  \"echo {x}\"", "as an argument"},
        {"bash <(echo {x})", "as an argument"},
        {"(( {x} > 1 ))", "formula"},
        {"echo $[ {x} ] $(( a[1] ))", "formula"},
        {"echo ${a[{x}]}", "formula"},
        {"echo \"${s:{x}}\"", "formula"},
        {"a[{x}]=1", "formula"},
        {"[[ {x} -eq 1 ]]", "only numbers"},
        {"[[ 1 -lt \"{x}\" ]]", "only numbers"},
        {"[ -v {x} ]", "only numbers"},
        {"let y={x}", "only numbers"},
        {"declare -i y={x}", "only numbers"},
        {"unset {x}", "only numbers"},
    };
    for (const auto &[script, remedy] : bad) {
        Template t(script, true);
        EXPECT_EQ(t.rc, -1) << script;
        EXPECT_STARTS(t.error.text(), "sweep.yaml:3:10: {x}: a text cannot stand ");
        EXPECT_HAS(t.error.text(), remedy);
        std::string numbers = script;
        for (size_t at; (at = numbers.find("{x}")) != std::string::npos;)
            numbers.replace(at, 3, "{item}");
        Template number(numbers, true);
        EXPECT_EQ(number.rc, 0) << number.error.text();
        for (size_t at; (at = numbers.find("{item}")) != std::string::npos;)
            numbers.replace(at, 6, "{q}");
        EXPECT_EQ(Template(numbers, true).rc == 0, std::string(remedy) == "formula")
            << "a param with quotes stands in formulas only: " << numbers;
    }
}

// A value that is all of the code is there to be run.
TEST(CommandTemplate, TheWholeCodeMayBeAValue) {
    for (const char *script : {"sh -c {x}", "bash -euc \"{x}\" bash 1", "eval '{x}'", "ssh host {x}", "awk {x} f"}) {
        Template t(script, true);
        EXPECT_EQ(t.rc, 0) << t.error.text();
    }
    for (const char *script : {"sh -c {x}{x}", "sh -c \"{x}; true\"", "eval a {x}", "ssh host a {x}", "[[ -v {x} ]]"})
        EXPECT_EQ(Template(script, true).rc, -1) << script;
}

TEST(CommandTemplate, BackticksAreSubstitutionsToo) {
    Folder folder;
    Template t("printf '[%s]' \"`printf '<%s>' {x}`\" `printf %s {x} | wc -w`", true);
    ASSERT_EQ(t.rc, 0) << t.error.text();
    EXPECT_EQ(t.run("a  *  b", folder), "[<a  *  b>][3]");
}

TEST(CommandTemplate, PlacesWhereNoValueCanStand) {
    Template formula("echo $(( {x} + 1 ))", true), document("cat <<'EOF'\n{x}\nEOF\n", true);
    EXPECT_EQ(formula.rc, -1);
    EXPECT_HAS(formula.error.text(), "$(( … )), (( … )) or a subscript");
    EXPECT_EQ(document.rc, -1);
    EXPECT_HAS(document.error.text(), "here-document");
    std::string deep;
    for (int i = 0; i < 100; i++)
        deep += "$(";
    Template nested(deep + " {x}", true);
    EXPECT_EQ(nested.rc, -1);
    EXPECT_HAS(nested.error.text(), "nested");
}

} // namespace
