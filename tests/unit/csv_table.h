// csv_table.h - a table read from text as the items of a job, for the tests of job/csv.
#ifndef SHEAF_TESTS_UNIT_CSV_TABLE_H
#define SHEAF_TESTS_UNIT_CSV_TABLE_H

#include "unit/sheaf.h"

namespace unit {

using Rows = std::vector<std::string>;

// A table read from text, its values as text.
class Table {
  public:
    Folder folder;
    std::string path;
    Job job;
    Items items;

    std::vector<sheaf_type> as; // that rows() reads

    // `keys` stand beside csv in items.
    explicit Table(const std::string &text, const std::string &keys = "")
        : path(folder.write("t.csv", text)),
          job("items: {csv: " + path + (keys.empty() ? "" : ", ") + keys + "}\nkernel: square_plus\n"), items(job) {
        for (int k = 0; k < items.items.n_fields; k++)
            as.push_back(static_cast<sheaf_type>(items.items.fields[k].type));
    }

    int convert(const char *name, sheaf_type type) {
        as[static_cast<size_t>(items.find(name))] = type;
        return sheaf_items_check(&items.items, items.find(name), type, items.error);
    }

    // All values as the file has them, as a command gets them.
    Rows texts() {
        std::fill(as.begin(), as.end(), SHEAF_TEXT);
        return rows();
    }

    std::string warnings() const { return items.items.warnings.data ? items.items.warnings.data : ""; }
    std::string identity() const { return items.items.identity.data; }

    // All rows: numbers as sheaf_text_double writes them, cells by '|'.
    Rows rows() {
        Rows rows;
        struct sheaf_arena arena = {};
        int n_fields = items.items.n_fields;
        size_t n = static_cast<size_t>(items.items.n_items);
        std::vector<std::vector<sheaf_text>> memory(static_cast<size_t>(n_fields), std::vector<sheaf_text>(n + 1));
        std::vector<void *> columns;
        for (auto &column : memory)
            columns.push_back(column.data());
        rc = sheaf_items_read_as(&items.items, 0, items.items.n_items, columns.data(), as.data(), &arena, items.error);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            std::string row;
            for (int k = 0; k < n_fields; k++) {
                const sheaf_type type = as[static_cast<size_t>(k)];
                char buffer[32];
                const char *value =
                    reinterpret_cast<char *>(columns[static_cast<size_t>(k)]) + i * sheaf_type_bytes(type);
                if (type == SHEAF_TEXT)
                    row +=
                        std::string(memory[static_cast<size_t>(k)][i].data, memory[static_cast<size_t>(k)][i].length);
                else
                    row += sheaf_text_double(sheaf_type_to_double(type, value), buffer);
                row += k + 1 < n_fields ? "|" : "";
            }
            rows.push_back(row);
        }
        sheaf_arena_free(&arena);
        return rows;
    }
    int rc = 0;

    std::string types() const {
        std::string text;
        for (int k = 0; k < items.items.n_fields; k++)
            text += std::string(k ? " " : "") + items.items.fields[k].name + ":" +
                    sheaf_type_name(items.items.fields[k].type);
        return text;
    }
};

} // namespace unit

#endif
