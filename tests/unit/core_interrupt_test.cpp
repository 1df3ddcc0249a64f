// core/interrupt: what signals ask of a run. Each case in a process of its own, since it is the program's only state.
#include "unit/sheaf.h"

#include <sys/wait.h>

using namespace unit;

namespace {

// What becomes of a child that does this; `act` gives its exit code.
int status_of(int (*act)()) {
    pid_t child = fork();
    if (child == 0)
        _exit(act());
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

bool left_with(int status, int code) {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

bool killed_by(int status, int number) {
    return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

} // namespace

TEST(Interrupt, NothingIsSeenAtFirst) {
    EXPECT_TRUE(left_with(status_of([] { return static_cast<int>(sheaf_interrupt_seen()); }), INTERRUPT_NONE));
}

TEST(Interrupt, Usr1AsksToDrain) {
    EXPECT_TRUE(left_with(status_of([] {
                              sheaf_interrupt_watch_drain();
                              raise(SIGUSR1);
                              raise(SIGUSR1);
                              return static_cast<int>(sheaf_interrupt_seen());
                          }),
                          INTERRUPT_DRAIN));
}

TEST(Interrupt, TermIntAndHupAskToLeave) {
    int (*const acts[])() = {
        [] { return sheaf_interrupt_watch_leave(), raise(SIGTERM), static_cast<int>(sheaf_interrupt_seen()); },
        [] { return sheaf_interrupt_watch_leave(), raise(SIGINT), static_cast<int>(sheaf_interrupt_seen()); },
        [] { return sheaf_interrupt_watch_leave(), raise(SIGHUP), static_cast<int>(sheaf_interrupt_seen()); }};
    for (auto act : acts)
        EXPECT_TRUE(left_with(status_of(act), INTERRUPT_LEAVE));
}

TEST(Interrupt, TheStrongestRequestStays) {
    EXPECT_TRUE(left_with(status_of([] {
                              sheaf_interrupt_watch_drain();
                              sheaf_interrupt_watch_leave();
                              raise(SIGTERM);
                              raise(SIGUSR1);
                              return static_cast<int>(sheaf_interrupt_seen());
                          }),
                          INTERRUPT_LEAVE));
}

TEST(Interrupt, ASecondSignalEndsTheProcess) {
    EXPECT_TRUE(killed_by(status_of([] {
                              sheaf_interrupt_watch_leave();
                              raise(SIGTERM);
                              raise(SIGTERM);
                              return 1;
                          }),
                          SIGTERM));
}

// What came while nobody looked any more is not forgotten; where nothing came the run goes on.
TEST(Interrupt, ASignalAfterTheLastLookCounts) {
    EXPECT_TRUE(left_with(status_of([] {
                              sheaf_interrupt_leave_at_once(false);
                              sheaf_interrupt_watch_leave();
                              raise(SIGTERM);
                              sheaf_interrupt_unwatch_leave();
                              sheaf_interrupt_leave_if_asked();
                              return 1;
                          }),
                          SHEAF_EXIT_INTERRUPTED));
    EXPECT_TRUE(left_with(status_of([] {
                              sheaf_interrupt_watch_drain();
                              raise(SIGUSR1);
                              sheaf_interrupt_leave_if_asked();
                              return 1;
                          }),
                          1));
}

TEST(Interrupt, UnwatchedSignalsDoWhatTheyAlwaysDid) {
    EXPECT_TRUE(killed_by(status_of([] {
                              sheaf_interrupt_watch_leave();
                              sheaf_interrupt_unwatch_leave();
                              raise(SIGINT);
                              return 1;
                          }),
                          SIGINT));
    EXPECT_TRUE(left_with(status_of([] {
                              signal(SIGHUP, SIG_IGN); /* nohup */
                              sheaf_interrupt_watch_leave();
                              sheaf_interrupt_unwatch_leave();
                              raise(SIGHUP);
                              return 7;
                          }),
                          7));
}

// Under nohup a closed terminal must not end a run.
TEST(Interrupt, AnIgnoredHupStaysIgnored) {
    EXPECT_TRUE(left_with(status_of([] {
                              signal(SIGHUP, SIG_IGN);
                              sheaf_interrupt_watch_leave();
                              raise(SIGHUP);
                              return static_cast<int>(sheaf_interrupt_seen());
                          }),
                          INTERRUPT_NONE));
}
