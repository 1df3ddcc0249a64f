// texts.h - results files with outputs that are texts, and journals for them, for the tests of store/ and of show.
#ifndef SHEAF_TESTS_UNIT_TEXTS_H
#define SHEAF_TESTS_UNIT_TEXTS_H

#include "unit/sheaf.h"

#include <map>

namespace unit {

// A number, a text, a number and another text: the outputs 0 … 3 of a journal.
inline const std::vector<sheaf_field> OUTPUTS = {field("y", SHEAF_FLOAT64),
                                                 field("said", SHEAF_TEXT, 1, nullptr, "what it said"),
                                                 field("v", SHEAF_INT32, 3), field("log", SHEAF_TEXT)};
enum { SAID = 1, LOG = 3 };

using Texts = std::map<std::pair<int64_t, int>, std::string>;

inline uint64_t token_of(const std::string &path) {
    uint64_t token = 0;
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t attribute = H5Aopen_by_name(file, "/sheaf", "token", H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Aread(attribute, H5T_NATIVE_UINT64, &token), 0);
    H5Aclose(attribute);
    H5Fclose(file);
    return token;
}

// Appends texts as a run would, in a journal of its own.
inline void append(const std::string &path, const Texts &texts) {
    struct journal *journal = nullptr;
    struct sheaf_buffer records = {};
    Error error;
    for (const auto &[where, text] : texts)
        ASSERT_EQ(sheaf_journal_put(&records, where.first, where.second, text.data(), text.size(), error), 0);
    ASSERT_EQ(sheaf_journal_open(&journal, path.c_str(), token_of(path), {}, error), 0) << error.text();
    ASSERT_EQ(sheaf_journal_append(journal, records.data, records.n_bytes, error), 0) << error.text();
    ASSERT_EQ(sheaf_journal_close(journal, error), 0);
    sheaf_buffer_free(&records);
}

// A field of texts as HDF5 reads it from the file alone.
inline std::vector<std::string> read_texts(const std::string &path, const char *name) {
    hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    EXPECT_GT(H5Tis_variable_str(type), 0);
    EXPECT_EQ(H5Tget_cset(type), H5T_CSET_UTF8);
    std::vector<char *> values(static_cast<size_t>(H5Sget_simple_extent_npoints(space)), nullptr);
    EXPECT_GE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
    std::vector<std::string> texts;
    for (char *value : values) {
        texts.push_back(value ? value : "");
        H5free_memory(value);
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    return texts;
}

} // namespace unit

#endif
