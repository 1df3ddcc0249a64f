// job/csv_encoding: looked at in pieces of any size, side by side, a text is what it is as a whole.
#include "unit/sheaf.h"

using namespace unit;

namespace {

// Where each line is valid by itself is known: none but the whole of it is looked at.
std::string refusal(const std::string &bytes) {
    const size_t valid = sheaf_text_valid(bytes.data(), bytes.size()), nul = bytes.find('\0');
    const size_t bad = std::min(valid, nul);
    if (bad >= bytes.size())
        return "";
    const auto line = 1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    return "t.csv:" + std::to_string(line) +
           (bytes[bad] ? ": is not UTF-8 text; save it so (iconv -f latin1 -t utf-8)"
                       : ": holds a NUL byte; remove it");
}

} // namespace

TEST(CsvEncoding, PiecesOfAnySizeSayTheSame) {
    std::mt19937 random(41);
    const std::vector<std::string> good = {"a", "\n", "1,2\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"},
                                   bad = {"\xe9",
                                          "\x80",
                                          "\xc3",
                                          "\xf0\x9f\x98",
                                          "\x80\x80\x80\x80\x80",
                                          std::string(1, '\0'),
                                          "\xed\xa0\x80",
                                          "\xf5\x80\x80\x80"};
    int n_refused = 0;
    for (int round = 0; round < 3000; round++) {
        std::string bytes = "ab"; /* nothing that looks like another encoding */
        for (unsigned n = random() % 60; n > 0; n--)
            bytes += random() % 60 || round % 3 == 0 ? good[random() % good.size()] : bad[random() % bad.size()];
        const struct csv_text text = {"t.csv", bytes.data(), bytes.size(), false, '\n', ',', '\0', true, nullptr};
        const std::string wanted = refusal(bytes);
        n_refused += !wanted.empty();
        for (size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{5}, 1 + random() % 50, bytes.size() + 1}) {
            Error error;
            const int rc = sheaf_csv_check_encoding(&text, piece, error);
            ASSERT_EQ(rc, wanted.empty() ? 0 : -1) << bytes;
            ASSERT_EQ(rc ? error.text() : "", wanted) << "pieces of " << piece;
        }
    }
    EXPECT_GT(n_refused, 500);
}

// Longer than what is looked at in one go.
TEST(CsvEncoding, LongTexts) {
    std::string bytes = "ab";
    while (bytes.size() < 300000)
        bytes += "\xe2\x82\xac\xc3\xa9x\n";
    for (size_t at : {size_t{0}, size_t{65535}, size_t{65536}, size_t{65537}, size_t{131073}, bytes.size() - 1}) {
        std::string other = bytes;
        if (at)
            other[at] = '\xff';
        const struct csv_text text = {"t.csv", other.data(), other.size(), false, '\n', ',', '\0', true, nullptr};
        for (size_t piece : {size_t{100001}, size_t{1} << 20}) {
            Error error;
            EXPECT_EQ(sheaf_csv_check_encoding(&text, piece, error), at ? -1 : 0);
            EXPECT_EQ(at ? error.text() : "", refusal(other));
        }
    }
}
