// kernel/command/extract: what the fuzzer found (tests/fuzz/extract_fuzz.c).
#include "unit/sheaf.h"

extern "C" {
#include "kernel/command/extract.h"
}

using namespace unit;

namespace {

// The text that is found in what a program wrote, or the message in brackets.
std::string extract(job_where where, const std::string &what, const std::string &written) {
    struct job_output output = {};
    output.name = "y";
    output.type = SHEAF_TEXT;
    output.width = 1;
    output.where = where;
    output.what = what.c_str();
    struct extractor extractor;
    struct extract_source source = {};
    source.text = written.data();
    source.length = written.size();
    struct sheaf_buffer found = {};
    Error error;
    EXPECT_EQ(sheaf_extractor_open(&extractor, &output, error), 0) << error.text();
    int rc = sheaf_extract(&extractor, &source, nullptr, &found, error);
    std::string text = rc ? "[" + error.text() + "]" : std::string(found.data, found.n_bytes);
    sheaf_extract_end(&source);
    sheaf_extractor_close(&extractor);
    sheaf_buffer_free(&found);
    return text;
}

} // namespace

TEST(ExtractRegex, AGroupThatTookNoPartLeavesTheWholeMatch) {
    EXPECT_EQ(extract(JOB_FROM_REGEX, "x(a)|(b)", "xa b"), "b");
    EXPECT_EQ(extract(JOB_FROM_REGEX, "x(a)|(b)", "b xa"), "a");
}

// Under the address sanitizer: no byte behind the part of the path is read.
TEST(ExtractJson, APartOfAPathMayBeLongerThanAnyKey) {
    std::string nines(300, '9'), key(300, 'k');
    EXPECT_STARTS(extract(JOB_FROM_JSON, "a." + nines, "{\"a\": [1]}"), "[there is no '999");
    EXPECT_STARTS(extract(JOB_FROM_JSON, key + ".b", "{\"" + key.substr(0, 255) + "\": {\"b\": 1}}"),
                  "[there is no 'kkk");
}
