// job/yaml: a text becomes a tree that knows its places; every error names file, line and column.
#include "unit/sheaf.h"

using namespace unit;

namespace {

class Tree {
  public:
    struct yaml_document document = {};
    Error error;
    int rc;

    explicit Tree(const std::string &text) {
        rc = sheaf_yaml_parse(&document, "a.yaml", text.data(), text.size(), error);
    }
    ~Tree() { sheaf_yaml_free(&document); }
    Tree(const Tree &) = delete;
    Tree &operator=(const Tree &) = delete;

    const yaml_node *at(const char *key) const { return sheaf_yaml_get(document.root, key); }
};

std::string refusal(const std::string &text) {
    Tree tree(text);
    EXPECT_EQ(tree.rc, -1) << text;
    EXPECT_EQ(tree.error.error.exit, SHEAF_EXIT_USAGE) << text;
    EXPECT_EQ(tree.document.root, nullptr);
    return tree.error.text();
}

} // namespace

TEST(Yaml, ScalarsListsAndMapsKnowWhereTheyStand) {
    Tree tree("name: moid\n"
              "list: [1, 'two', \"three\"]\n"
              "map:\n"
              "    key: value   # a comment\n"
              "    empty:\n");
    ASSERT_EQ(tree.rc, 0) << tree.error.text();
    ASSERT_EQ(tree.document.root->kind, YAML_MAP);
    EXPECT_EQ(tree.document.root->n, 3);

    const yaml_node *name = tree.at("name");
    EXPECT_EQ(name->kind, YAML_SCALAR);
    EXPECT_STREQ(name->text, "moid");
    EXPECT_STREQ(name->file, "a.yaml");
    EXPECT_EQ(name->line, 1);
    EXPECT_EQ(name->column, 7);
    EXPECT_FALSE(name->quoted);

    const yaml_node *list = tree.at("list");
    ASSERT_EQ(list->kind, YAML_LIST);
    ASSERT_EQ(list->n, 3);
    EXPECT_STREQ(list->value[0]->text, "1");
    EXPECT_FALSE(list->value[0]->quoted);
    EXPECT_TRUE(list->value[1]->quoted);
    EXPECT_TRUE(list->value[2]->quoted);
    EXPECT_EQ(list->value[2]->line, 2);
    EXPECT_EQ(list->value[2]->column, 18);

    const yaml_node *value = sheaf_yaml_get(tree.at("map"), "key");
    EXPECT_STREQ(value->text, "value");
    EXPECT_EQ(value->line, 4);
    EXPECT_EQ(value->column, 10);
    EXPECT_STREQ(sheaf_yaml_get(tree.at("map"), "empty")->text, "");
    EXPECT_EQ(tree.at("missing"), nullptr);
    EXPECT_EQ(sheaf_yaml_get(list, "key"), nullptr);
    EXPECT_EQ(sheaf_yaml_get(nullptr, "key"), nullptr);
}

TEST(Yaml, AliasesAreExpanded) {
    Tree tree("a: &x {n: 1}\nb: *x\n");
    ASSERT_EQ(tree.rc, 0) << tree.error.text();
    EXPECT_STREQ(sheaf_yaml_get(tree.at("b"), "n")->text, "1");
    EXPECT_NE(tree.at("a"), tree.at("b")) << "changing one must not change the other";
}

TEST(Yaml, DosLineEndsByteOrderMarksAndUnicodeAreFine) {
    Tree tree("\xef\xbb\xbfname: größe\r\nkernel: moid\r\n");
    ASSERT_EQ(tree.rc, 0) << tree.error.text();
    EXPECT_STREQ(tree.at("name")->text, "größe");
    EXPECT_STREQ(tree.at("kernel")->text, "moid");
    EXPECT_EQ(tree.at("kernel")->line, 2);
}

TEST(Yaml, AnEmptyFileSaysWhatBelongsIntoIt) {
    for (const char *text : {"", "\n\n", "# only a comment\n", "---\n...\n"}) {
        Tree tree(text);
        if (tree.rc == 0) { /* an explicit document holds an empty value: no map, for the caller to refuse */
            EXPECT_EQ(tree.document.root->kind, YAML_SCALAR);
            continue;
        }
        EXPECT_STARTS(tree.error.text(), "a.yaml");
        EXPECT_HAS(tree.error.text(), "is empty");
        EXPECT_HAS(tree.error.text(), "items and kernel");
        EXPECT_EQ(tree.error.error.exit, SHEAF_EXIT_USAGE);
    }
}

TEST(Yaml, DuplicateKeysAreRefusedWhereTheSecondStands) {
    EXPECT_STARTS(refusal("name: a\nitems: {}\nname: b\n"), "a.yaml:3:1: 'name'");
    EXPECT_STARTS(refusal("params: {n: 1, m: 2, n: 3}\n"), "a.yaml:1:22: 'n'");
    EXPECT_HAS(refusal("a: 1\na: 2\n"), "remove one");
}

TEST(Yaml, SyntaxErrorsNameTheirPlace) {
    EXPECT_STARTS(refusal("name: moid\nitems: {csv: a.csv\nkernel: moid\n"), "a.yaml:3:");
    EXPECT_STARTS(refusal("a: b: c\n"), "a.yaml:1:5: is not YAML");
    EXPECT_STARTS(refusal("a: [1, 2\n"), "a.yaml:2:1: is not YAML");
    EXPECT_STARTS(refusal("a: *unknown\n"), "a.yaml:1:4: is not YAML");
}

TEST(Yaml, TabsForIndentationAreRefused) {
    const std::pair<const char *, const char *> texts[] = {
        {"items:\n\tcsv: a.csv\n", "a.yaml:2:1: "},
        {"\xef\xbb\xbfname: gr\xc3\xb6\xc3\x9f\x65\nitems:\r\n\tcsv: a.csv\n", "a.yaml:3:1: "},
        {"items:\n  csv: a.csv\n\tx: 1\n", "a.yaml:3:1: "},
        {"command: |\n\techo\n", "a.yaml:2:1: "},
    };
    for (const auto &[text, place] : texts) {
        EXPECT_STARTS(refusal(text), place);
        EXPECT_HAS(refusal(text), "; YAML takes no tabs for indentation; use blanks");
        EXPECT_EQ(refusal(text).find("needs quotes"), std::string::npos);
    }
    EXPECT_HAS(refusal("a: @b\n"), "needs quotes");
    EXPECT_HAS(refusal("\xef\xbb\xbf\xc3\xb6: @\tb\n"), "needs quotes");
}

TEST(Yaml, BackslashesInDoubleQuotesAreExplained) {
    EXPECT_STARTS(refusal("a: \"(\\S+)\"\n"), "a.yaml:1:6: is not YAML: found unknown escape character");
    for (const char *text : {"a: \"(\\S+)\"\n", "a: \"\\x(.)\"\n"})
        EXPECT_HAS(refusal(text), "; in double quotes \\ must be written twice; use single quotes");
}

TEST(Yaml, AnUnclosedQuoteIsNamedWhereItOpens) {
    for (const char *quote : {"\"", "'"}) {
        std::string text = refusal("a: 1\nb: " + std::string(quote) + "never closed\nc: 2\nd: 3\n");
        EXPECT_STARTS(text, "a.yaml:2:4: is not YAML: ");
        EXPECT_HAS(text, "; the quote that opens here is never closed");
    }
}

TEST(Yaml, KeysArePlainNames) {
    EXPECT_STARTS(refusal("a: 1\n[b, c]: 2\n"), "a.yaml:2:1: a key must be a plain name");
    EXPECT_STARTS(refusal("a: 1\n? {b: c}\n: 2\n"), "a.yaml:2:3: a key must be a plain name");
}

TEST(Yaml, ASecondDocumentIsRefused) {
    EXPECT_STARTS(refusal("a: 1\n---\nb: 2\n"), "a.yaml:2:1: a second YAML document");
    EXPECT_STARTS(refusal("---\na: 1\n---\n---\n"), "a.yaml:3:1: a second YAML document");
}

TEST(Yaml, ANulIsRefusedWithItsPlace) {
    EXPECT_STARTS(refusal(std::string("a: 1\nb: \"x\\0y\"\n")), "a.yaml:2:4: a value holds a NUL");
}

TEST(Yaml, BytesThatAreNoTextAreRefusedWithTheirPlace) {
    EXPECT_STARTS(refusal(std::string("a: 1\nbc: x\0y\n", 13)), "a.yaml:2:6: ") << "a NUL";
    std::string latin = refusal("a: 1\nbc: gr\xf6\xdf\x65\n"), half = refusal("a: 1\nbc: \xc3\n");
    EXPECT_TRUE(latin.starts_with("a.yaml:2:7: ") || latin.starts_with("a.yaml:2:8: "))
        << latin; /* or the byte behind */
    EXPECT_TRUE(half.starts_with("a.yaml:2:5: ") || half.starts_with("a.yaml:2:6: ")) << half;
    EXPECT_STARTS(refusal("a: 1\nbc: \x01\n"), "a.yaml:2:5: ") << "a control character";
}

TEST(Yaml, BytesThatAreNoTextAreRefusedWithARemedy) {
    EXPECT_HAS(refusal("a: gr\xf6\xdf\x65\n"), "UTF-8");
    EXPECT_STARTS(refusal("a: gr\xf6\xdf\x65\n"), "a.yaml:");
}

// Nine levels of nine references: 9^9 nodes of a few bytes each.
TEST(Yaml, AnAliasBombIsRefusedBeforeItUnfolds) {
    std::string bomb = "a0: &a0 [x]\n";
    for (int i = 1; i <= 9; i++) {
        std::string below = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
        for (int k = 1; k < 9; k++)
            bomb += ", " + below;
        bomb += "]\n";
    }
    std::string text = refusal(bomb);
    EXPECT_STARTS(text, "a.yaml:");
    EXPECT_HAS(text, "too deeply");
}

TEST(Yaml, AnAliasOfItselfIsRefused) {
    EXPECT_STARTS(refusal("a: &x [1, *x]\n"), "a.yaml:1:");
    EXPECT_STARTS(refusal("a: &x {b: *x}\n"), "a.yaml:1:");
}

TEST(Yaml, TooDeepNestingIsRefused) {
    EXPECT_HAS(refusal("a: " + std::string(500, '[') + std::string(500, ']') + "\n"), "too deeply");
}

// --------------------------------------------------------------------------------------------------- typed values

TEST(YamlValues, AreCheckedWithTheirPlace) {
    Tree tree("text: word\nnumber: 12\nquoted: '12'\nlist: [1]\nmap: {a: 1}\nempty:\nbig: 1e6\nnegative: -1\n"
              "broken: 1.5\n");
    ASSERT_EQ(tree.rc, 0);
    Error error;
    const char *text = nullptr;
    int64_t count = 0;

    EXPECT_EQ(sheaf_yaml_text(tree.at("text"), "kernel", &text, error), 0);
    EXPECT_STREQ(text, "word");
    EXPECT_EQ(sheaf_yaml_text(tree.at("quoted"), "kernel", &text, error), 0);
    EXPECT_EQ(sheaf_yaml_text(tree.at("list"), "kernel", &text, error), -1);
    EXPECT_STARTS(error.text(), "a.yaml:4:7: kernel is a list; it should be one text");
    EXPECT_EQ(sheaf_yaml_text(tree.at("map"), "kernel", &text, error), -1);
    EXPECT_STARTS(error.text(), "a.yaml:5:6: kernel is a map");
    EXPECT_EQ(sheaf_yaml_text(tree.at("empty"), "kernel", &text, error), -1);
    EXPECT_STARTS(error.text(), "a.yaml:6:7: kernel is empty");

    EXPECT_EQ(sheaf_yaml_count(tree.at("number"), "count", &count, error), 0);
    EXPECT_EQ(count, 12);
    EXPECT_EQ(sheaf_yaml_count(tree.at("big"), "count", &count, error), 0);
    EXPECT_EQ(count, 1000000);
    for (const char *key : {"text", "quoted", "list", "map", "empty", "negative", "broken"}) {
        EXPECT_EQ(sheaf_yaml_count(tree.at(key), "items.count", &count, error), -1) << key;
        EXPECT_STARTS(error.text(), "a.yaml:" + std::to_string(tree.at(key)->line) + ":");
        EXPECT_HAS(error.text(), "items.count is ");
        EXPECT_HAS(error.text(), "a whole number");
    }

    EXPECT_EQ(sheaf_yaml_map(tree.at("map"), "params", error), 0);
    EXPECT_EQ(sheaf_yaml_map(tree.at("text"), "params", error), -1);
    EXPECT_STARTS(error.text(), "a.yaml:1:7: params is 'word'; it should be a map");
    EXPECT_EQ(sheaf_yaml_map(tree.at("list"), "params", error), -1);
    EXPECT_STARTS(error.text(), "a.yaml:4:7: params is a list; it should be a map");
}
