/* Every source of items with every kind of kernel, on 1, 2 and 4 ranks: y = 2 x + 1 for the x that the results file has. With
   SHEAF_TEST_SLOW=1 all of them; else each source and each kind is met, on other layouts in turn. */
#include "cli/program.h"

namespace {

class Sources : public Program {
  protected:
    Sources() {
        write(
            "make.py",
            "import h5py, json, gzip, os, numpy as np\n"
            "x = [0.5, 3, -7.25, 1e6, 12]\n"
            "table = 'x,name\\n' + ''.join(f'{v},n{i}\\n' for i, v in enumerate(x))\n"
            "open('t.csv', 'w').write(table); gzip.open('t.csv.gz', 'wt').write(table)\n"
            "open('t.jsonl', 'w').writelines(json.dumps({'x': v, 'name': f'n{i}'}) + '\\n' for i, v in enumerate(x))\n"
            "os.mkdir('files')\n"
            "for i in range(5): open(f'files/{i}.dat', 'w').write('a' * (3 * i + 1))\n"
            "with h5py.File('t.h5', 'w') as f: f['x'] = x; f['axis'] = np.array(x, '>f4')\n");
        EXPECT_EQ(run({SHEAF_PYTHON, "make.py"}).exit, 0);
        write("twice.py",
              "import sys, json\n"
              "for line in sys.stdin: print(json.dumps({'y': 2 * json.loads(line)['x'] + 1}), flush=True)\n");
        write("cube.yaml", "items: {grid: {u: {linspace: [-1, 1, 5]}, k: [a, b]}}\nexpression: {x: u * 3 + item}\n");
        write("list.yaml", "items: {rows: [{x: 1.5}, {x: 2}, {x: -4}]}\ncommand: 'test {x} != 2'\n");
        run_job({"cube.yaml"});
        run_job({"list.yaml"}, {}, 1);
    }

    static constexpr const char *sources[] = {
        "grid: {x: {linspace: [-1, 1, 7]}, k: [a, b]}, repeat: 2",
        "grid: {x: [1, 2.5, 4], k: {range: [4]}}, where: \"x + k != 3\"",
        "grid: {x: {csv: \"t.csv:x\"}, k: [1, 2]}",
        "grid: {x: {hdf5: \"t.h5:/axis\"}, k: [1, 2]}",
        "zip: {x: [1, 2, 5], name: [a, b, c]}",
        "rows: [{x: 1.5, k: 2}, {x: 4, k: 3}]",
        "sample: {count: 16, method: sobol, fields: {x: {normal: [0, 3]}, m: {choice: [a, b]}}}",
        "files: \"files/*.dat\", rename: {size: x}",
        "jsonl: t.jsonl",
        "csv: t.csv",
        "csv: t.csv.gz",
        "hdf5: {file: t.h5, fields: {x: /x}}",
        "results: cube.h5",
        "results: {file: list.h5, fields: [x]}",
    };

    static std::vector<std::string> kinds() {
        return {"expression: {y: 2 * x + 1}\n", "kernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nparams: {ms: 0}\n",
                "kernel: " SHEAF_PLUGIN_DIR "/hostile.so:slow\nparams: {ms: 0}\nisolate: true\n",
                "command: [" SHEAF_PYTHON ", -c, \"print(2 * {x} + 1)\"]\noutputs: {y: {column: 1}}\n",
                "worker: [" SHEAF_PYTHON ", twice.py]\noutputs: {y: {type: float64}}\n"};
    }
};

TEST_F(Sources, WithEveryKindOnSomeRanks) {
    const std::vector<Layout> layouts = {Layout{0, 1}, Layout{2, 1}, Layout{4, 1}};
    size_t turn = 0;
    for (const char *source : sources)
        for (const std::string &kind : kinds()) {
            write("job.yaml", std::string("items: {") + source + "}\n" + kind);
            for (size_t k = 0; k < layouts.size(); k++) {
                if (!slow_tests() && (turn + k) % 4) /* one in four of all */
                    continue;
                SCOPED_TRACE(source + std::string("\n") + kind + layouts[k].name());
                run_job({"job.yaml", "--overwrite", "-q"}, layouts[k]);
                check({"twice", path("job.h5")});
            }
            turn++;
        }
}

} // namespace
