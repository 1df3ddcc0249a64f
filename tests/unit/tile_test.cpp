// Chunks of HDF5 datasets that are decoded without HDF5 (core/tile, store/tiling, plan/tile_cache), against what numpy wrote.
#include "unit/sheaf.h"

#include <sys/mman.h>

#include <thread>

using namespace unit;

namespace {

// Datasets, each with its values beside it as numpy has them, in NAME.bin; the list has a line "NAME TYPE WIDTH ITEMS" each.
const char *const make_py = R"(import h5py, itertools, numpy as np, zlib
rng = np.random.default_rng(7)
n = 1000
listed = open('list', 'w')
kinds = {'f4': 'float32', 'f8': 'float64', 'i4': 'int32', 'i8': 'int64', 'u1': 'uint8'}
def note(name, d, x):
    x.tofile(name + '.bin')
    print(name, kinds[x.dtype.str[1:]], x.shape[1] if x.ndim > 1 else 1, len(x), file=listed)
def values(dtype, shape, what):
    if what == 'noise':  # gets longer
        return rng.integers(0, 256, size=np.prod(shape) * np.dtype(dtype).itemsize, dtype='u1').view(dtype).reshape(shape)
    return np.round(rng.normal(size=shape) * 50 + 100).astype(dtype)
filters = [dict(shuffle=s, compression=z, fletcher32=f) for s in (False, True) for z in (None, 1, 4, 9) for f in (False, True)]
with h5py.File('in.h5', 'w') as f:
    for i, (kind, how) in enumerate(itertools.product(kinds, filters)):
        for shape in ((n,), (n, 3)):
            for rows in (1, 64, 333, n):
                x = values(kind, shape, 'noise' if i % 3 == 0 and rows != n else 'numbers')
                name = f'd{i}_{len(shape)}_{rows}'
                d = f.create_dataset(name, data=x, chunks=(rows,) + shape[1:], **how)
                note(name, d, x)
    x = values('f8', (n, 3), 'numbers')
    note('larger', f.create_dataset('larger', data=x, chunks=(4096, 3), maxshape=(None, 3), shuffle=True, compression=4), x)
    for name, order in ('sum_first', 'fsz'), ('sum_between', 'sfz'), ('shuffled_last', 'zs'):
        p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        p.set_chunk((100, 3))
        for c in order:
            {'f': p.set_fletcher32, 's': p.set_shuffle, 'z': lambda: p.set_deflate(6)}[c]()
        d = h5py.Dataset(h5py.h5d.create(f.id, name.encode(), h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((n, 3)), p))
        d[:] = x
        note(name, d, x)
    d = f.create_dataset('skipped', shape=(n, 3), dtype='f8', chunks=(250, 3), shuffle=True, compression=4)
    for i, (mask, filtered) in enumerate([  # bits say which filters this chunk went without
            (3, lambda b: b), (2, lambda b: np.frombuffer(b, 'u1').reshape(-1, 8).T.tobytes()), (1, zlib.compress)]):
        d.id.write_direct_chunk((250 * i, 0), filtered(x[250 * i:250 * (i + 1)].tobytes()), filter_mask=mask)
    d[750:] = x[750:]
    note('skipped', d, x)
with h5py.File('new.h5', 'w', libver='latest') as f: # other indexes of chunks
    for name, more in ('fixed', {}), ('growing', dict(maxshape=(None, 3))), ('one', dict(chunks=(n, 3))):
        more.setdefault('chunks', (77, 3))
        note(name, f.create_dataset(name, data=x, shuffle=True, compression=4, **more), x)
with h5py.File('not.h5', 'w') as f:
    f.create_dataset('plain', data=x)
    f.create_dataset('lzf', data=x, chunks=(100, 3), compression='lzf')
    f.create_dataset('rounded', data=x, chunks=(100, 3), scaleoffset=3)
    f.create_dataset('cut', data=x, chunks=(100, 2), compression=4)
    f.create_dataset('wider', data=x, chunks=(100, 4), maxshape=(n, None), compression=4)
    f.create_dataset('large', data=np.zeros((800000, 3)), chunks=(800000, 3), compression=4)
    f.create_dataset('empty', shape=(0, 3), chunks=(100, 3), maxshape=(None, 3), compression=4)
    d = f.create_dataset('holes', shape=(n, 3), dtype='f8', chunks=(100, 3), compression=4)
    d[:100] = x[:100]
with h5py.File('block.h5', 'w', userblock_size=512) as f:
    f.create_dataset('user', data=x, chunks=(100, 3), compression=4)
)";

struct Listed {
    std::string name;
    struct sheaf_field field;
    int64_t n_items;
    std::vector<char> values;
    size_t row() const { return values.size() / static_cast<size_t>(n_items); }
};

// The files, made once.
class Tiles : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder = new Folder;
        folder->write("make.py", make_py);
        ASSERT_EQ(system(("cd " + *folder / "" + " && " SHEAF_PYTHON " make.py").c_str()), 0);
        std::ifstream list(*folder / "list");
        std::string name, type;
        for (int64_t width, n; list >> name >> type >> width >> n;) {
            std::ifstream bin(*folder / (name + ".bin"), std::ios::binary);
            listed.push_back(
                {name,
                 {},
                 n,
                 std::vector<char>(std::istreambuf_iterator<char>(bin), std::istreambuf_iterator<char>())});
            for (int t = 1; t <= SHEAF_TEXT; t++)
                if (type == sheaf_type_name(static_cast<sheaf_type>(t)))
                    listed.back().field = field("", static_cast<sheaf_type>(t), width);
        }
        ASSERT_EQ(listed.size(), 5u * 16 * 2 * 4 + 1 + 3 + 1 + 3);
    }
    static void TearDownTestSuite() {
        delete folder;
        listed.clear();
    }
    static const Listed &of(const std::string &name) {
        for (const Listed &one : listed)
            if (one.name == name)
                return one;
        ADD_FAILURE() << "no " << name;
        return listed[0];
    }
    static Folder *folder;
    static std::vector<Listed> listed;
};
Folder *Tiles::folder;
std::vector<Listed> Tiles::listed;

// A dataset of a file as this process sees it; what tests do to the bytes stays their own.
struct Open {
    char *file = nullptr;
    size_t n_bytes;
    hid_t h5, dataset = H5I_INVALID_HID;
    struct sheaf_tiling tiling = {};
    bool found = false;

    Open(const std::string &path, const std::string &name, const struct sheaf_field &field, int64_t n_items) {
        int fd = open(path.c_str(), O_RDONLY);
        n_bytes = std::filesystem::file_size(path);
        void *pages = mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        EXPECT_NE(pages, MAP_FAILED);
        close(fd);
        file = static_cast<char *>(pages);
        sheaf_h5_start();
        h5 = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        dataset = H5Dopen2(h5, name.c_str(), H5P_DEFAULT);
        EXPECT_GE(dataset, 0) << name;
        found = sheaf_tiling_find(dataset, &field, n_items, static_cast<int64_t>(n_bytes), &tiling);
    }
    Open(const Open &) = delete;
    Open &operator=(const Open &) = delete;
    ~Open() {
        sheaf_tiling_free(&tiling);
        H5Dclose(dataset);
        H5Fclose(h5);
        munmap(file, n_bytes);
    }
    // What a tile decodes to; empty where it is damaged.
    std::vector<char> decode(int64_t i, Error &error) const {
        struct sheaf_tile_decoder decoder = {};
        std::vector<char> values(sheaf_tile_room(&tiling));
        const struct sheaf_tile *tile = &tiling.tiles[i];
        if (sheaf_tile_decode(&decoder, &tiling, tile, file + tile->offset, values.data(), error))
            values.clear();
        else
            values.resize(static_cast<size_t>(tiling.n_bytes));
        sheaf_tile_close(&decoder);
        return values;
    }
};

std::string file_of(const Folder &folder, const std::string &name) {
    return folder / (name == "fixed" || name == "growing" || name == "one" ? "new.h5" : "in.h5");
}

TEST_F(Tiles, AreWhatNumpyWrote) {
    int n_skipped = 0;
    for (const Listed &d : listed) {
        SCOPED_TRACE(d.name);
        Open open(file_of(*folder, d.name), d.name, d.field, d.n_items);
        ASSERT_TRUE(open.found);
        Error error;
        std::vector<char> all;
        for (int64_t i = 0; i < open.tiling.n_tiles; i++) {
            std::vector<char> values = open.decode(i, error);
            ASSERT_FALSE(values.empty()) << error.text();
            all.insert(all.end(), values.begin(), values.end());
            n_skipped += open.tiling.tiles[i].skipped != 0;
        }
        ASSERT_GE(all.size(), d.values.size());
        EXPECT_EQ(memcmp(all.data(), d.values.data(), d.values.size()), 0);
    }
    EXPECT_EQ(n_skipped, 3);
}

TEST_F(Tiles, OthersAreLeftToHdf5) {
    const struct sheaf_field three = field("", SHEAF_FLOAT64, 3);
    for (const char *name : {"plain", "lzf", "rounded", "cut", "wider", "holes"})
        EXPECT_FALSE(Open(*folder / "not.h5", name, three, 1000).found) << name;
    EXPECT_FALSE(Open(*folder / "not.h5", "large", three, 800000).found);
    EXPECT_FALSE(Open(*folder / "not.h5", "empty", three, 0).found);
    EXPECT_FALSE(Open(*folder / "block.h5", "user", three, 1000).found);
}

// Every byte of a tile in turn, with each bit that may matter.
TEST_F(Tiles, DamageIsFound) {
    struct {
        const char *what;
        const char *filters; /* as h5py was asked for them */
    } const cases[] = {{"their checksum (fletcher32) is wrong", "d1"}, {"", "d5"}, {"zlib cannot inflate them", "d2"}};
    for (const auto &c : cases) {
        const std::string name = std::string(c.filters) + "_1_64"; /* float32: fletcher32; deflate with it; deflate */
        const Listed &d = of(name);
        Open open(*folder / "in.h5", name, d.field, d.n_items);
        ASSERT_TRUE(open.found);
        const struct sheaf_tile tile = open.tiling.tiles[3];
        ASSERT_EQ(tile.skipped, 0u);
        for (uint32_t at = 0; at < tile.n_bytes; at++) {
            char *byte = &open.file[static_cast<size_t>(tile.offset) + at];
            *byte = static_cast<char>(*byte ^ 0x11);
            Error error;
            std::vector<char> values = open.decode(3, error);
            const bool same = !values.empty() && memcmp(values.data(), d.values.data() + 3 * 256, 256) == 0;
            EXPECT_TRUE(values.empty() || same) << name << " byte " << at;
            if (values.empty() && c.what[0])
                EXPECT_EQ(error.text().rfind(c.what, 0), 0u) << error.text();
            *byte = static_cast<char>(*byte ^ 0x11);
        }
    }
}

TEST_F(Tiles, TooFewOrTooManyBytesAreFound) {
    for (const char *name : {"d0_2_64", "d2_1_64", "d15_1_64"}) {
        const Listed &d = of(name);
        Open open(*folder / "in.h5", name, d.field, d.n_items);
        ASSERT_TRUE(open.found);
        auto *tile = const_cast<struct sheaf_tile *>(&open.tiling.tiles[2]);
        const uint32_t whole = tile->n_bytes;
        for (tile->n_bytes = 0; tile->n_bytes < whole; tile->n_bytes++) {
            Error error;
            EXPECT_TRUE(open.decode(2, error).empty()) << name << " " << tile->n_bytes;
        }
        tile->n_bytes = whole;
        const int64_t right = open.tiling.n_bytes;
        for (int64_t wrong : {right - 16, right + 16}) {
            Error error;
            open.tiling.n_bytes = wrong;
            EXPECT_TRUE(open.decode(2, error).empty()) << name;
        }
    }
}

/* --- the cache */

struct Cache {
    struct tile_cache cache = {};
    Error error;
    Cache(const Open &open, int n_threads) {
        const struct tile_source source = {&open.tiling, "the/dataset"};
        EXPECT_EQ(sheaf_tile_cache_open(&cache, &source, 1, n_threads, "the file", open.file, error), 0);
    }
    ~Cache() { sheaf_tile_cache_close(&cache); }
};

TEST_F(Tiles, ThreadsReadAnyRows) {
    for (const char *name : {"d12_2_1", "d13_1_64", "d30_2_333", "larger", "one"}) {
        const Listed &d = of(name);
        Open open(file_of(*folder, name), name, d.field, d.n_items);
        ASSERT_TRUE(open.found);
        const int n_threads = 4;
        Cache cache(open, n_threads);
        std::vector<int64_t> n_wrong(n_threads);
        auto work = [&](unsigned seed) {
            std::mt19937_64 random(seed);
            struct sheaf_tile_decoder decoder = {};
            Error error;
            for (int i = 0; i < 300; i++) {
                const int64_t first = static_cast<int64_t>(random()) & 0x7fffffff, at = first % d.n_items;
                const int64_t n = 1 + static_cast<int64_t>(random() % 200) % (d.n_items - at);
                const int64_t end = i % 2 ? at + n : d.n_items;
                std::vector<char> rows(static_cast<size_t>(n) * d.row());
                int rc = sheaf_tile_cache_read(&cache.cache, 0, &decoder, at, n, end, rows.data(), error);
                n_wrong[seed] += rc != 0 || memcmp(rows.data(), d.values.data() + static_cast<size_t>(at) * d.row(),
                                                   rows.size()) != 0;
            }
            sheaf_tile_close(&decoder);
        };
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < n_threads; t++)
            threads.emplace_back(work, t);
        for (std::thread &thread : threads)
            thread.join();
        EXPECT_EQ(n_wrong, std::vector<int64_t>(n_threads)) << name;
    }
}

TEST_F(Tiles, ADamagedOneIsNamedAndTheOthersAreRead) {
    const Listed &d = of("d11_1_333"); /* float32, with checksums */
    Open open(*folder / "in.h5", d.name, d.field, d.n_items);
    ASSERT_TRUE(open.found);
    open.file[static_cast<size_t>(open.tiling.tiles[3].offset)] ^= 1;
    for (int n_threads : {1, 3}) {
        Cache cache(open, n_threads);
        struct sheaf_tile_decoder decoder = {};
        std::vector<char> rows(d.values.size());
        EXPECT_EQ(sheaf_tile_cache_read(&cache.cache, 0, &decoder, 0, 999, 1000, rows.data(), cache.error), 0);
        EXPECT_EQ(memcmp(rows.data(), d.values.data(), 999 * d.row()), 0);
        for (int again = 0; again < 2; again++) {
            EXPECT_EQ(sheaf_tile_cache_read(&cache.cache, 0, &decoder, 990, 10, 1000, rows.data(), cache.error), -1);
            EXPECT_EQ(cache.error.text(), "the file:the/dataset: the bytes of items 999 to 999 are damaged: "
                                          "their checksum (fletcher32) is wrong");
            EXPECT_EQ(cache.error.error.exit, SHEAF_EXIT_ENVIRONMENT);
        }
        sheaf_tile_close(&decoder);
    }
}

} // namespace
