// job/csv: RFC 4180 as files really are; every error names file, line, row and column.
#include "unit/csv_table.h"

using namespace unit;

namespace {

std::string refusal(const std::string &text) {
    Table table(text);
    EXPECT_EQ(table.items.rc, -1) << text;
    EXPECT_EQ(table.items.error.error.exit, SHEAF_EXIT_USAGE);
    std::string message = table.items.error.text();
    EXPECT_STARTS(message, table.path + ":");
    return message.starts_with(table.path) ? message.substr(table.path.size()) : message;
}

} // namespace

// ----------------------------------------------------------------------------------------------------- what is read

struct Reading {
    const char *rule, *text, *types;
    Rows rows;
};

void PrintTo(const Reading &r, std::ostream *out) {
    *out << r.text;
}

class CsvReading : public testing::TestWithParam<Reading> {};

TEST_P(CsvReading, IsAsTheRuleSays) {
    Table table(GetParam().text);
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    EXPECT_EQ(table.types(), GetParam().types);
    EXPECT_EQ(table.items.items.n_items, static_cast<int64_t>(GetParam().rows.size()));
    EXPECT_EQ(table.rows(), GetParam().rows);
}

INSTANTIATE_TEST_SUITE_P(
    Csv, CsvReading,
    testing::Values(
        Reading{"Types", "i,f,t\n1,1.5,a\n-2,2,b\n", "i:int64 f:float64 t:text", {"1|1.5|a", "-2|2|b"}},
        Reading{"NoFinalNewline", "x,y\n1,2\n3,4", "x:int64 y:int64", {"1|2", "3|4"}},
        Reading{"DosLineEnds", "x,t\r\n1,a\r\n2,b\r\n", "x:int64 t:text", {"1|a", "2|b"}},
        Reading{"DosLineEndsWithoutTheLast", "x,t\r\n1,a\r\n2,b", "x:int64 t:text", {"1|a", "2|b"}},
        Reading{"DosLineEndsBehindQuotes", "x,\"t\"\r\n1,\"a\"\r\n2,\"b\"\r", "x:int64 t:text", {"1|a", "2|b"}},
        Reading{"ByteOrderMark", "\xef\xbb\xbfx\n1\n", "x:int64", {"1"}},
        Reading{"ByteOrderMarkBeforeAQuote", "\xef\xbb\xbf\"x\",y\n1,2\n", "x:int64 y:int64", {"1|2"}},
        Reading{"BlankLines", "\n\r\nx\n\n1\n\r\n\n2\n\n", "x:int64", {"1", "2"}},
        Reading{"QuotedCommas", "t,x\n\"a,b\",1\n\",\",2\n", "t:text x:int64", {"a,b|1", ",|2"}},
        Reading{"DoubledQuotes",
                "t\n\"say \"\"hi\"\"\"\n\"\"\"\"\n\"\"\"a\"\"\"\n",
                "t:text",
                {"say \"hi\"", "\"", "\"a\""}},
        Reading{"QuotedLineEnds", "t,x\n\"a\nb\r\nc\",1\n\"\n\",2\n", "t:text x:int64", {"a\nb\r\nc|1", "\n|2"}},
        Reading{"QuotedNumbersAreNumbers", "x,y\n\"1\",\"2.5\"\n", "x:int64 y:float64", {"1|2.5"}},
        Reading{"QuotesInsideAWordStay", "t\na\"b\"c\n5\" pipe\n", "t:text", {"a\"b\"c", "5\" pipe"}},
        Reading{"EmptyCellsMakeFloats", "x,y\n1,2\n,3\n", "x:float64 y:int64", {"1|2", "nan|3"}},
        Reading{"BlankCellsAreEmpty", "x,y\n1,2\n  ,3\n", "x:float64 y:int64", {"1|2", "nan|3"}},
        Reading{"EmptyColumn", "x,y\n1,\n2,\n", "x:int64 y:float64", {"1|nan", "2|nan"}},
        Reading{"EmptyTexts", "t,x\na,1\n,2\n\"\",3\n", "t:text x:int64", {"a|1", "|2", "|3"}},
        Reading{"EmptyLastCell", "x,t\n1,a\n2,\n3,", "x:int64 t:text", {"1|a", "2|", "3|"}},
        Reading{"QuotedEmptyOnlyColumn", "x\n1\n\"\"\n", "x:float64", {"1", "nan"}},
        Reading{"NanAndInfinityAreNumbers", "x\nnan\n-inf\n1e3\n", "x:float64", {"nan", "-inf", "1000"}},
        Reading{"BlanksAroundTextStay", "t,x\n a ,1\n", "t:text x:int64", {" a |1"}},
        Reading{"BlanksAroundNumbers", "x, y\n1, 2\n3, 4.5\n", "x:int64 y:float64", {"1|2", "3|4.5"}},
        Reading{"BlanksAroundWholeNumbers", "x, y\n1, 2\n3, 4\n", "x:int64 y:int64", {"1|2", "3|4"}},
        Reading{"HeadersAreTrimmed", " x , \"y\",\"z \"\n1,2,3\n", "x:int64 \"y\":int64 z:int64", {"1|2|3"}},
        Reading{"HeadersMayHaveAnyCharacters", "größe (km),a-b\n1,2\n", "größe (km):int64 a-b:int64", {"1|2"}},
        Reading{"OneBadNumberMakesText", "x\n1\ntwo\n3\n", "x:text", {"1", "two", "3"}},
        Reading{"HexadecimalIsText", "x\n0x10\n", "x:text", {"0x10"}},
        Reading{"GroupedDigitsAreText", "x\n1_000\n", "x:text", {"1_000"}},
        Reading{"LeadingZerosAreText", "a,b,c\n7,1,00\n007,-01,0\n", "a:text b:text c:text", {"7|1|00", "007|-01|0"}},
        Reading{"PaddedAmongFractionsOrEmptyIsText", "a,b\n0.5,\n01,01\n", "a:text b:text", {"0.5|", "01|01"}},
        Reading{"PaddedWithBlanksIsTextAsItStands", "k,x\na, 01\n", "k:text x:text", {"a| 01"}},
        Reading{"LoneZerosAreNumbers",
                "a,b,c\n0,0.5,0e1\n-0,-0.5,01.5\n",
                "a:int64 b:float64 c:float64",
                {"0|0.5|0", "0|-0.5|1.5"}},
        Reading{"ALeadingPlusIsNoCode", "x\n+5\n", "x:int64", {"5"}},
        Reading{"IntegersBeyond64BitsAreText",
                "a,b\n12345678901234567890,-9223372036854775809\n"
                "12345678901234567891,1\n",
                "a:text b:text",
                {"12345678901234567890|-9223372036854775809", "12345678901234567891|1"}},
        Reading{"LargeNumbersWithAnExponentAreFloats", "x\n1e30\n", "x:float64", {"1e+30"}},
        Reading{"OnlyAHeader", "x,y\n", "x:int64 y:int64", {}},
        Reading{"OnlyAHeaderWithoutNewline", "x,y", "x:int64 y:int64", {}}),
    [](const testing::TestParamInfo<Reading> &info) { return std::string(info.param.rule); });

// One such cell would make the whole column unreadable for h5py.
TEST(CsvRefusal, BytesThatAreNoTextAreNamedByTheirLine) {
    EXPECT_STARTS(refusal("t\nok\nna\xefve\n"), ":3: is not UTF-8 text");
    EXPECT_STARTS(refusal("t\nok\nhalf\xc3"), ":3: is not UTF-8 text");
    EXPECT_STARTS(refusal("t\nok\n\xed\xa0\x80\n"), ":3: is not UTF-8 text"); // UTF-16 taken for UTF-8: h5py refuses it
    EXPECT_STARTS(refusal(std::string("t\na\0b\n", 6)), ":2: holds a NUL byte");
}

// Identifiers of catalogues (Gaia's source_id) have 19 digits: as floats they would be other objects.
TEST(Csv, NineteenDigitIntegersKeepEveryDigit) {
    Table table("id,x\n4295806720123456789,1\n9223372036854775807,2\n");
    ASSERT_EQ(table.items.rc, 0);
    EXPECT_EQ(table.types(), "id:int64 x:int64");
}

TEST(Csv, AWideTableIsRead) {
    std::string head, row;
    for (int k = 0; k < 3000; k++) {
        head += (k ? ",c" : "c") + std::to_string(k);
        row += (k ? "," : "") + std::to_string(k);
    }
    Table table(head + "\n" + row + "\n");
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    EXPECT_EQ(table.items.items.n_fields, 3000);
    EXPECT_EQ(table.items.find("c2999"), 2999);
}

// ---------------------------------------------------------------------------------------------------- what is wrong

TEST(CsvRefusal, RowsWithOtherNumbersOfCells) {
    EXPECT_STARTS(refusal("a,b,c\n1,2,3\n1,2\n"), ":3: has 2 cells where the header has 3");
    EXPECT_STARTS(refusal("a,b\n1,2\n1,2,3\n"), ":3: has 3 cells where the header has 2");
    EXPECT_STARTS(refusal("a,b\n1\n"), ":2: has 1 cell where the header has 2");
    EXPECT_STARTS(refusal("a,b\n\"x\ny\",1\n\n1\n"), ":5: has 1 cell where");
}

TEST(CsvRefusal, AnUnclosedQuoteIsNamedWhereItOpens) {
    std::string message = refusal("a,b\n1,2\n3,\"open\n4,5\n6,7\n");
    EXPECT_STARTS(message, ":3: ");
    EXPECT_HAS(message, "quote");
    EXPECT_HAS(message, "never closed");
    EXPECT_HAS(refusal("\"a,b\n1,2\n"), "never closed");
}

TEST(CsvRefusal, TextBehindAClosingQuote) {
    std::string message = refusal("a,b\n1,2\n\"x\"y,3\n");
    EXPECT_STARTS(message, ":3: text follows a closing quote");
    EXPECT_HAS(message, "written twice");
    EXPECT_HAS(refusal("a\n\"x\" \n"), "text follows");
}

TEST(CsvRefusal, Headers) {
    EXPECT_STARTS(refusal("x,y,x\n1,2,3\n"), ":1: column 3 is called 'x' like an earlier one");
    for (const char *name : {"status", "seconds", "item", "block", "origin", "attempts", "sheaf"}) {
        std::string message = refusal("x," + std::string(name) + "\n1,2\n");
        EXPECT_STARTS(message, ":1: column 2 is called '" + std::string(name) + "'");
        EXPECT_HAS(message, "rename it");
    }
    EXPECT_STARTS(refusal("x,a/b\n1,2\n"), ":1: column 2 is called 'a/b'");
    EXPECT_HAS(refusal("x,\"a\nb\"\n1,2\n"), "column 2 has a control character");
    EXPECT_HAS(refusal("x," + std::string(201, 'n') + "\n1,2\n"), "at most 200 characters");
}

// What a message shows of a long name or cell ends between characters, whichever byte the limit falls on.
TEST(CsvRefusal, LongTextsAreCutBetweenCharacters) {
    for (const char *ahead : {"", "x"}) {
        std::string text = ahead;
        for (int i = 0; i < 120; i++)
            text += "é";
        std::string message = refusal("x," + text + "\n1,2\n");
        EXPECT_STARTS(message, ":1: column 2 is called '" + std::string(ahead) + "é");
        EXPECT_HAS(message, "é'; a name");
        EXPECT_TRUE(is_utf8(message));
        Table table("x\n" + text + "\n");
        EXPECT_EQ(table.convert("x", SHEAF_FLOAT64), -1);
        EXPECT_HAS(table.items.error.text(), "column 'x': '" + std::string(ahead) + "é");
        EXPECT_HAS(table.items.error.text(), "é' is not a number");
    }
}

TEST(CsvRefusal, HeadersBehindBlankLinesAreNamedByTheirLine) {
    EXPECT_STARTS(refusal("\n\nx,x\n1,2\n"), ":3: column 2");
}

TEST(CsvRefusal, AnEmptyFile) {
    for (const char *text : {"", "\n", "\r\n\n", "\xef\xbb\xbf"})
        EXPECT_HAS(refusal(text), "is empty");
}

TEST(CsvRefusal, AMissingFileOrAFolder) {
    Job job = csv_job("/nowhere/a.csv");
    Items items(job);
    EXPECT_EQ(items.rc, -1);
    EXPECT_STARTS(items.error.text(), "/nowhere/a.csv: cannot open: No such file");
    Folder folder;
    Job other = csv_job(folder.path());
    Items folder_items(other);
    EXPECT_EQ(folder_items.rc, -1);
    EXPECT_HAS(folder_items.error.text(), "not a regular file");
}

// ------------------------------------------------------------------------------------------- the type a kernel wants

TEST(CsvConvert, NumbersToTheTypeTheKernelReads) {
    Table table("a,b,c,d\n1,2,3,4\n5,6,255,8\n");
    ASSERT_EQ(table.convert("a", SHEAF_FLOAT64), 0);
    ASSERT_EQ(table.convert("b", SHEAF_FLOAT32), 0);
    ASSERT_EQ(table.convert("c", SHEAF_UINT8), 0);
    ASSERT_EQ(table.convert("d", SHEAF_TEXT), 0);
    EXPECT_EQ(table.types(), "a:int64 b:int64 c:int64 d:int64") << "what is stored stays as it is";
    EXPECT_EQ(table.rows(), (Rows{"1|2|3|4", "5|6|255|8"}));
}

TEST(CsvConvert, WholeFloatsToIntegers) {
    Table table("x,y\n1.0,1e3\n-2,3.0\n");
    ASSERT_EQ(table.convert("x", SHEAF_INT64), 0) << table.items.error.text();
    ASSERT_EQ(table.convert("y", SHEAF_INT32), 0) << table.items.error.text();
    EXPECT_EQ(table.rows(), (Rows{"1|1000", "-2|3"}));
}

TEST(CsvConvert, NineteenDigitIntegersAreExact) {
    Table table("id\n9223372036854775807\n-9223372036854775808\n");
    ASSERT_EQ(table.convert("id", SHEAF_INT64), 0) << table.items.error.text();
    int64_t ids[2];
    void *columns[] = {ids};
    ASSERT_EQ(sheaf_items_read(&table.items.items, 0, 2, columns, nullptr, table.items.error), 0);
    EXPECT_EQ(ids[0], INT64_MAX);
    EXPECT_EQ(ids[1], INT64_MIN);
}

// Months 01 … 12 are text unless a kernel or a formula reads them as numbers.
TEST(CsvConvert, CodesToTheNumbersAKernelReads) {
    Table table("a,b,c,d\n01,08,007,99999999999999999999\n12,009,-01,1\n");
    EXPECT_EQ(table.types(), "a:text b:text c:text d:text");
    ASSERT_EQ(table.convert("a", SHEAF_FLOAT64), 0) << table.items.error.text();
    ASSERT_EQ(table.convert("b", SHEAF_INT64), 0) << table.items.error.text();
    ASSERT_EQ(table.convert("c", SHEAF_INT32), 0) << table.items.error.text();
    ASSERT_EQ(table.convert("d", SHEAF_FLOAT64), 0) << table.items.error.text();
    EXPECT_EQ(table.rows(), (Rows{"1|8|7|1e+20", "12|9|-1|1"}));
}

struct Conversion {
    const char *rule, *cells;
    sheaf_type type;
    const char *wrong; /* the start of the message, or NULL where it fits */
};

void PrintTo(const Conversion &c, std::ostream *out) {
    *out << c.cells;
}

namespace {

// ":3: row 2, column 'x': …": the message begins with the path and the first part, and holds the second.
void expect_refusal(const Table &table, const std::string &wrong) {
    size_t comma = wrong.find(", column");
    EXPECT_STARTS(table.items.error.text(), table.path + wrong.substr(0, comma));
    EXPECT_HAS(table.items.error.text(), wrong.substr(comma + 2));
}

} // namespace

class CsvConversion : public testing::TestWithParam<Conversion> {};

TEST_P(CsvConversion, NamesTheFirstValueThatCannot) {
    Table table(std::string("k,x\n") + GetParam().cells);
    ASSERT_EQ(table.items.rc, 0) << table.items.error.text();
    int rc = table.convert("x", GetParam().type);
    if (!GetParam().wrong) {
        EXPECT_EQ(rc, 0) << table.items.error.text();
        return;
    }
    ASSERT_EQ(rc, -1);
    expect_refusal(table, GetParam().wrong);
    EXPECT_EQ(table.items.error.error.exit, SHEAF_EXIT_USAGE);
}

INSTANTIATE_TEST_SUITE_P(
    Csv, CsvConversion,
    testing::Values(
        Conversion{"WordToFloat", "a,1\nb,two\nc,three\n", SHEAF_FLOAT64,
                   ":3: row 2, column 'x': 'two' is not a number"},
        Conversion{"WordToInteger", "a,1\nb,two\n", SHEAF_INT64, ":3: row 2, column 'x': 'two' is not a"},
        Conversion{"EmptyToFloat", "a,1\nb,\n", SHEAF_FLOAT64, nullptr},
        Conversion{"EmptyToFloat32", "a,1\nb,\n", SHEAF_FLOAT32, nullptr},
        Conversion{"EmptyToInteger", "a,1\nb,\n", SHEAF_INT64,
                   ":3: row 2, column 'x': '' is not a whole number (an empty"},
        Conversion{"BlankToInteger", "a,1\nb,  \n", SHEAF_INT32, ":3: row 2, column 'x': '  ' is not a whole number"},
        Conversion{"FractionToInteger", "a,1\nb,1.5\n", SHEAF_INT64,
                   ":3: row 2, column 'x': '1.5' is not a whole number"},
        Conversion{"NanToInteger", "a,nan\n", SHEAF_INT64, ":2: row 1, column 'x': 'nan' is not a whole number"},
        Conversion{"LargestInt32", "a,2147483647\nb,-2147483648\n", SHEAF_INT32, nullptr},
        Conversion{"BeyondInt32", "a,1\nb,2147483648\n", SHEAF_INT32,
                   ":3: row 2, column 'x': '2147483648' is not a whole"},
        Conversion{"BelowInt32", "a,-2147483649\n", SHEAF_INT32, ":2: row 1, column 'x'"},
        Conversion{"BeyondUint8", "a,255\nb,256\n", SHEAF_UINT8,
                   ":3: row 2, column 'x': '256' is not a whole number from"},
        Conversion{"NegativeUint8", "a,-1\n", SHEAF_UINT8, ":2: row 1, column 'x': '-1'"},
        Conversion{"BeyondInt64", "a,9223372036854775808\n", SHEAF_INT64, ":2: row 1, column 'x'"},
        Conversion{"LinesAreNotRows", "\"a\nb\",1\n\nc,two\n", SHEAF_FLOAT64, ":5: row 2, column 'x': 'two'"},
        Conversion{"AnythingToText", "a,1\nb,\nc,x\n", SHEAF_TEXT, nullptr},
        Conversion{"OverflowToFloat", "a,1\nb,1e999\n", SHEAF_FLOAT64,
                   ":3: row 2, column 'x': '1e999' is not a number"}),
    [](const testing::TestParamInfo<Conversion> &info) { return std::string(info.param.rule); });

TEST(CsvConvert, ABadNumberInRow4711IsNamed) {
    for (sheaf_type type : {SHEAF_FLOAT64, SHEAF_INT64, SHEAF_INT32}) {
        std::string text = "name,x,y\n";
        for (int row = 1; row <= 7099; row++)
            text += "n" + std::to_string(row) + "," + std::to_string(row) + (row == 4711 ? ",l2\n" : ",12\n");
        Table table(text);
        ASSERT_EQ(table.items.rc, 0);
        ASSERT_EQ(table.convert("x", type), 0);
        ASSERT_EQ(table.convert("y", type), -1);
        expect_refusal(table, ":4712: row 4711, column 'y': 'l2' is not a");
    }
}

TEST(CsvConvert, AFractionInRow4711IsNamedForIntegers) {
    std::string text = "x\n";
    for (int row = 1; row <= 5000; row++)
        text += row == 4711 ? "1.25\n" : "12\n";
    Table table(text);
    ASSERT_EQ(table.convert("x", SHEAF_INT64), -1);
    expect_refusal(table, ":4712: row 4711, column 'x': '1.25' is not a whole number");
}

TEST(CsvConvert, ALongCellIsShownInPartBetweenCharacters) {
    std::string cell = "a"; /* so that byte 40 falls into a character */
    for (int i = 0; i < 100; i++)
        cell += "€";
    Table table("x\n" + cell + "\n");
    ASSERT_EQ(table.convert("x", SHEAF_FLOAT64), -1);
    EXPECT_TRUE(is_utf8(table.items.error.text())) << table.items.error.text();
    EXPECT_LT(table.items.error.text().size(), table.path.size() + 150);
}

// -------------------------------------------------------------------------------------------------------- identity

TEST(CsvIdentity, FollowsTheBytesNotThePath) {
    Table a("x\n1\n"), b("x\n1\n"), c("x\n2\n");
    auto identity = [](const Table &t) { return std::string(t.items.items.identity.data); };
    EXPECT_EQ(identity(a), identity(b));
    EXPECT_NE(identity(a), identity(c));
    EXPECT_EQ(identity(a).find(a.path), std::string::npos);
}
