// sheaf.h - what the unit tests share: the project's C headers, temporary folders, and owners of jobs and items.
//
// System headers come first: none of them may be read inside extern "C". <stdatomic.h> gives C++23 the C names.
#ifndef SHEAF_TESTS_UNIT_SHEAF_H
#define SHEAF_TESTS_UNIT_SHEAF_H

#include <stdatomic.h>

#include <fcntl.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <ostream>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#define _Alignas(n) alignas(n) /* pool.h is C11 */

extern "C" {
#include <sheaf/kernel.h>

#include "app/costs.h"
#include "app/feeder.h"
#include "core/arena.h"
#include "core/boot.h"
#include "core/buffer.h"
#include "core/decimal.h"
#include "core/error.h"
#include "core/file.h"
#include "core/futex.h"
#include "core/hash.h"
#include "core/interrupt.h"
#include "core/known.h"
#include "core/nap.h"
#include "core/options.h"
#include "core/random.h"
#include "core/range_lock.h"
#include "core/text.h"
#include "core/tile.h"
#include "core/type.h"
#include "exec/team.h"
#include "exec/thread.h"
#include "job/csv.h"
#include "job/csv_encoding.h"
#include "job/csv_scan.h"
#include "job/items.h"
#include "job/job.h"
#include "job/source.h"
#include "job/yaml.h"
#include "kernel/binding.h"
#include "kernel/registry.h"
#include "plan/asked.h"
#include "plan/chunk.h"
#include "plan/handout.h"
#include "plan/journal.h"
#include "plan/journal_index.h"
#include "plan/parcel.h"
#include "plan/partition.h"
#include "plan/pool.h"
#include "plan/proof.h"
#include "plan/row_sink.h"
#include "plan/segments.h"
#include "plan/span_list.h"
#include "plan/text_sums.h"
#include "plan/tile_cache.h"
#include "plot/colour.h"
#include "plot/scale.h"
#include "plot/svg.h"
#include "report/progress.h"
#include "report/summary.h"
#include "report/table.h"
#include "store/collection.h"
#include "store/failures.h"
#include "store/h5.h"
#include "store/identity.h"
#include "store/input.h"
#include "store/layout.h"
#include "store/lock.h"
#include "store/pack.h"
#include "store/reader.h"
#include "store/results.h"
#include "store/tiling.h"
#include "sweep/axis.h"
#include "sweep/generated.h"
#include "sweep/sweep.h"
}

namespace unit {

// ------------------------------------------------------------------------------------------------- looking at texts

inline testing::AssertionResult has(const char *, const char *, const std::string &text, const std::string &part) {
    if (text.find(part) != std::string::npos)
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << "'" << text << "'\ndoes not hold\n'" << part << "'";
}

inline testing::AssertionResult starts(const char *, const char *, const std::string &text, const std::string &part) {
    if (text.starts_with(part))
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << "'" << text << "'\ndoes not start with\n'" << part << "'";
}

#define EXPECT_HAS(text, part) EXPECT_PRED_FORMAT2(unit::has, text, part)
#define EXPECT_STARTS(text, part) EXPECT_PRED_FORMAT2(unit::starts, text, part)

// Whether bytes are well-formed UTF-8 (lengths and continuation bytes; overlong forms are not looked for).
inline bool is_utf8(const std::string &text) {
    for (size_t i = 0; i < text.size();) {
        unsigned char lead = static_cast<unsigned char>(text[i++]);
        int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
        if (more < 0)
            return false;
        for (; more > 0; more--)
            if (i == text.size() || (static_cast<unsigned char>(text[i++]) & 0xc0) != 0x80)
                return false;
    }
    return true;
}

// Characters of UTF-8 text.
inline size_t n_characters(const std::string &text) {
    size_t n = 0;
    for (char c : text)
        n += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return n;
}

// An error to hand to a function. It begins with rubbish: whoever fails must fill it, whoever succeeds may leave it.
struct Error {
    sheaf_error error;
    Error() {
        memset(&error, 0, sizeof error);
        strcpy(error.text, "rubbish from before");
    }
    operator sheaf_error *() { return &error; }
    std::string text() const { return error.text; }
};

// ------------------------------------------------------------------------------------------------------------ files

// A folder of its own, removed at the end with all that is in it.
class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "sheaf-unit-XXXXXX").string();
        if (!mkdtemp(name.data()))
            throw std::runtime_error("cannot make a temporary folder");
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;

    const std::string &path() const { return path_; }
    std::string operator/(const std::string &name) const { return path_ + "/" + name; }

    // Writes a file and gives its path.
    std::string write(const std::string &name, const std::string &bytes) const {
        std::string path = *this / name;
        std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return path;
    }

  private:
    std::string path_;
};

// While it lives, no file can grow beyond n_bytes: as a disk that is full.
class FullDisk {
  public:
    explicit FullDisk(rlim_t n_bytes) {
        handler_ = signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        struct rlimit limit = {n_bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FullDisk() {
        setrlimit(RLIMIT_FSIZE, &before_);
        signal(SIGXFSZ, handler_);
    }
    FullDisk(const FullDisk &) = delete;
    FullDisk &operator=(const FullDisk &) = delete;

  private:
    struct rlimit before_;
    void (*handler_)(int);
};

inline std::string read_bytes(const std::string &path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf(); /* nothing where it cannot be read */
    return bytes.str();
}

// What a function writes to a FILE.
inline std::string written(const std::function<void(FILE *)> &write) {
    char *data = nullptr;
    size_t n_bytes = 0;
    FILE *out = open_memstream(&data, &n_bytes);
    write(out);
    fclose(out);
    std::string text(data, n_bytes);
    free(data);
    return text;
}

// ---------------------------------------------------------------------------------------------------- jobs and items

using Overrides = std::vector<std::pair<std::string, std::string>>;

// A job read from text, with what reading said.
class Job {
  public:
    struct job job;
    Error error;
    int rc;

    explicit Job(const std::string &text, const Overrides &overrides = {}, const std::string &file = "sweep.yaml") {
        std::vector<struct job_override> list;
        for (const auto &[path, value] : overrides)
            list.push_back({path.c_str(), value.c_str()});
        rc = sheaf_job_parse(&job, file.c_str(), text.data(), text.size(), list.data(), static_cast<int>(list.size()),
                             error);
    }
    ~Job() { sheaf_job_free(&job); }
    Job(const Job &) = delete;
    Job &operator=(const Job &) = delete;
};

// The items of a job, from whichever source.
class Items {
  public:
    struct items items;
    Error error;
    int rc;

    explicit Items(const Job &job) {
        rc = job.job.items.kind == JOB_HDF5 ? sheaf_input_open(&items, &job.job, nullptr, error)
                                            : sheaf_items_open(&items, &job.job, nullptr, error);
    }
    ~Items() { sheaf_items_close(&items); }
    Items(const Items &) = delete;
    Items &operator=(const Items &) = delete;

    int find(const char *name) const { return sheaf_items_find(items.fields, items.n_fields, name); }
};

inline Job csv_job(const std::string &path, const std::string &kernel = "square_plus") {
    return Job("items: {csv: " + path + "}\nkernel: " + kernel + "\n");
}

// A kernel of tests/plugins/hostile.c, as a job names it.
inline std::string hostile(const std::string &name) {
    return std::string(SHEAF_PLUGIN_DIR) + "/hostile.so:" + name;
}

// A kernel opened for a job and its items' fields.
class Kernel {
  public:
    struct binding binding;
    Error error;
    int rc;

    Kernel(Job &job, const std::vector<sheaf_field> &fields) : fields_(fields) {
        rc = sheaf_binding_open(&binding, &job.job, fields_.data(), static_cast<int>(fields_.size()), nullptr, error);
    }
    ~Kernel() { sheaf_binding_close(&binding); }
    Kernel(const Kernel &) = delete;
    Kernel &operator=(const Kernel &) = delete;

    struct chunk_shape shape(int64_t n_items) const {
        return {binding.n_inputs,
                binding.inputs,
                nullptr,
                nullptr,
                binding.n_outputs,
                binding.outputs,
                binding.block,
                n_items,
                0,
                0,
                false,
                nullptr};
    }

  private:
    std::vector<sheaf_field> fields_;
};

inline sheaf_field field(const char *name, sheaf_type type, int64_t width = 1, const char *unit = nullptr,
                         const char *long_name = nullptr) {
    return {name, type, width, 0, unit, long_name};
}

// ------------------------------------------------------------------------------------------------- pools and pending

// Memory on SHEAF_ALIGN, filled with rubbish.
class Aligned {
  public:
    explicit Aligned(size_t n_bytes) : data_(aligned_alloc(SHEAF_ALIGN, sheaf_round_up(n_bytes + 1, SHEAF_ALIGN))) {
        memset(data_, 0xa5, n_bytes);
    }
    ~Aligned() { free(data_); }
    Aligned(const Aligned &) = delete;
    Aligned &operator=(const Aligned &) = delete;
    char *get() const { return static_cast<char *>(data_); }

  private:
    void *data_;
};

// A pool in memory of this process.
class Pool {
  public:
    explicit Pool(size_t seat_bytes = 0, int32_t n_threads = 0) : memory_(sheaf_pool_bytes(seat_bytes)) {
        sheaf_pool_open(get(), seat_bytes);
        get()->n_threads = n_threads;
    }
    struct pool *get() const {
        return reinterpret_cast<struct pool *>(memory_.get());
    }
    struct pool *operator->() const {
        return get();
    }

  private:
    Aligned memory_;
};

inline bool is_aligned(const void *p) {
    return reinterpret_cast<uintptr_t>(p) % SHEAF_ALIGN == 0;
}

// Pending blocks from a list of runs. Like the real source it may cut a run short, and it counts the questions.
struct Blocks {
    std::vector<span> runs; /* ascending, not touching */
    int64_t longest = INT64_MAX;
    int n_calls = 0, fails_at = -1;
    struct pending pending;

    explicit Blocks(std::vector<span> list) : runs(std::move(list)) { pending = {this, next}; }
    Blocks(const Blocks &) = delete;
    Blocks &operator=(const Blocks &) = delete;

    static std::vector<span> runs_of(const std::vector<bool> &flags) {
        std::vector<span> list;
        for (int64_t b = 0; b < static_cast<int64_t>(flags.size()); b++) {
            if (!flags[static_cast<size_t>(b)])
                continue;
            if (!list.empty() && list.back().first + list.back().n == b)
                list.back().n++;
            else
                list.push_back({b, 1});
        }
        return list;
    }

    static int next(void *self, int64_t from, int64_t end, struct span *run, struct sheaf_error *error) {
        auto *blocks = static_cast<Blocks *>(self);
        if (blocks->n_calls++ == blocks->fails_at)
            return sheaf_fail(error, "the disk is gone");
        *run = {from, 0};
        for (const span &r : blocks->runs) {
            int64_t first = std::max(r.first, from), upto = std::min(r.first + r.n, end);
            if (first < upto) {
                *run = {first, std::min(upto - first, blocks->longest)};
                return 0;
            }
        }
        return 0;
    }

    int64_t count(span part) const {
        int64_t n = 0;
        for (const span &r : runs)
            n += std::max<int64_t>(0, std::min(r.first + r.n, part.first + part.n) - std::max(r.first, part.first));
        return n;
    }
};

// ---------------------------------------------------------------------------------------------------- results files

// A results file in a folder of its own, for items from YAML (with FOLDER for that folder) and given outputs.
class Store {
  public:
    Folder folder;
    std::string path = folder / "out.h5";
    Job job;
    Items items;
    std::vector<sheaf_field> outputs;
    std::string identity;
    struct results_plan plan;
    struct results results;
    struct results_found found = {}; // nothing
    Error error;

    Store(
        const std::string &source, std::vector<sheaf_field> fields, int64_t block,
        const std::function<void(const Folder &)> &prepare = [](const Folder &) {})
        : job((prepare(folder), "items: " + placed(source) + "\nkernel: any\n")), items(job),
          outputs(std::move(fields)) {
        EXPECT_EQ(job.rc, 0) << job.error.text();
        EXPECT_EQ(items.rc, 0) << items.error.text();
        identity = std::string(items.items.identity.data) + "kernel: any 1\nparam n: 1\n";
        for (const sheaf_field &f : outputs)
            identity += std::string("output ") + f.name + ": " + sheaf_type_name(f.type) + "[" +
                        std::to_string(f.width) + "]\n";
        plan = {path.c_str(),
                "the job",
                "text of the job\n",
                "sheaf run a.yaml",
                "any",
                identity.c_str(),
                nullptr,
                &items.items,
                static_cast<int>(outputs.size()),
                outputs.data(),
                block,
                job.job.seed,
                false,
                false,
                job.job.inputs == JOB_INPUTS_LINK,
                0,
                nullptr,
                0,
                nullptr,
                nullptr,
                false,
                nullptr,
                nullptr,
                nullptr,
                false};
    }
    ~Store() { close(); }
    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;

    int create() {
        return sheaf_results_find(plan.path, &found, error) || sheaf_results_create(&plan, error) || publish() ? -1 : 0;
    }
    int publish() {
        struct sheaf_string said = {};
        int rc = sheaf_results_publish(plan.path, &found, &said, error);
        EXPECT_EQ(said.length, 0u) << said.data;
        sheaf_string_free(&said);
        return rc;
    }
    int open() {
        close();
        opened_ = true;
        return sheaf_results_open(&results, &plan, false, error);
    }
    int close() {
        int rc = opened_ ? sheaf_results_close(&results, error) : 0;
        opened_ = false;
        return rc;
    }
    void make() {
        ASSERT_EQ(create(), 0) << error.text();
        ASSERT_EQ(open(), 0) << error.text();
    }
    int64_t n_items() const { return items.items.n_items; }
    int64_t n_blocks() const { return (n_items() + plan.block - 1) / plan.block; }

    // What value j of output c of an item is in these tests; fits every type.
    static int64_t value(int c, int64_t item, int64_t j) { return (17 * item + 5 * c + j) % 251; }

    // Writes the rows of blocks b … b + n - 1; items for which `fails` is true fail with a message.
    int write(
        int64_t b, int64_t n, const std::function<bool(int64_t)> &fails = [](int64_t) { return false; }) {
        int64_t first = b * plan.block, end = std::min((b + n) * plan.block, n_items());
        std::vector<std::vector<char>> memory;
        std::vector<const void *> columns;
        std::vector<uint8_t> status;
        std::vector<float> seconds(static_cast<size_t>(n), 0.5F);
        std::vector<struct failure> failures;
        for (int64_t i = first; i < end; i++) {
            status.push_back(fails(i) ? ITEM_FAILED : ITEM_DONE);
            if (!fails(i))
                continue;
            failures.push_back({i, {}});
            snprintf(failures.back().message, FAILURE_BYTES, "item %lld failed", static_cast<long long>(i));
        }
        for (size_t c = 0; c < outputs.size(); c++) {
            size_t bytes = sheaf_type_bytes(outputs[c].type);
            memory.emplace_back(static_cast<size_t>((end - first) * outputs[c].width) * bytes + 1);
            for (int64_t i = first; i < end; i++)
                for (int64_t j = 0; j < outputs[c].width; j++)
                    put(outputs[c].type, value(static_cast<int>(c), i, j),
                        memory.back().data() + static_cast<size_t>((i - first) * outputs[c].width + j) * bytes);
            columns.push_back(memory.back().data());
        }
        struct rows rows = {first,
                            end - first,
                            b,
                            n,
                            columns.data(),
                            status.data(),
                            seconds.data(),
                            static_cast<int64_t>(failures.size()),
                            failures.data(),
                            nullptr,
                            0,
                            nullptr};
        return sheaf_row_sink_write(&results.sink, &rows, nullptr, error);
    }

    // Writes statuses behind the module's back.
    void set_status(const std::vector<uint8_t> &status) {
        ASSERT_EQ(pwrite(results.fd, status.data(), status.size(), results.sink.layout.status_offset),
                  static_cast<ssize_t>(status.size()));
    }

  private:
    bool opened_ = false;

    std::string placed(std::string source) const {
        for (size_t at; (at = source.find("FOLDER")) != std::string::npos;)
            source.replace(at, 6, folder.path());
        return source;
    }

    static void put(int32_t type, int64_t value, char *to) {
        auto store = [&](auto v) { memcpy(to, &v, sizeof v); };
        if (type == SHEAF_FLOAT64)
            store(static_cast<double>(value));
        else if (type == SHEAF_FLOAT32)
            store(static_cast<float>(value));
        else if (type == SHEAF_INT64)
            store(value);
        else if (type == SHEAF_INT32)
            store(static_cast<int32_t>(value));
        else
            store(static_cast<uint8_t>(value));
    }
};

} // namespace unit

#endif
