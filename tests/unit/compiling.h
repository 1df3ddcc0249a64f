// compiling.h - what the tests of formulas and expressions share: the headers, and a server that starts compilers.
#ifndef SHEAF_TESTS_UNIT_COMPILING_H
#define SHEAF_TESTS_UNIT_COMPILING_H

#include "unit/sheaf.h"

extern "C" {
#include "kernel/expression/compile.h"
#include "kernel/expression/expression.h"
#include "kernel/expression/formula.h"
#include "kernel/library.h"
#include "process/server.h"
}

namespace unit {

// Started at its first use; it ends with this program.
inline struct server *the_server() {
    static struct server *const started = [] {
        struct server *made = nullptr;
        Error error;
        EXPECT_EQ(sheaf_server_start(&made, error), 0) << error.text();
        return made;
    }();
    return started;
}

} // namespace unit

#endif
