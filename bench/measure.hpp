#pragma once

#include <malloc.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>

/// Lets the process open as many sockets as the system allows it to; the usual 1,024 are too few for 1,000 connections.
inline void allow_many_files() {
    rlimit r{};
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/// glibc gives every thread an arena that grows by single pages; raw_beast works in the main one, which grows in larger
/// steps. Both use the main one, so that they are compared by what they do.
inline void use_one_arena() { mallopt(M_ARENA_MAX, 1); }

/// CPU time that this process has used, user and system, all threads.
inline double cpu_seconds() {
    rusage r{};
    getrusage(RUSAGE_SELF, &r);
    auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(r.ru_utime) + seconds(r.ru_stime);
}

/// Wall time, CPU time (user and system, all threads) and the most memory that this process has held.
class stopwatch {
public:
    stopwatch() : began_{std::chrono::steady_clock::now()}, cpu_{cpu_seconds()} {}

    /// One line that run.sh reads: `runs=... calls=... wall_s=... cpu_ms_per_call=... peak_mb=...`
    void report(const char* name, unsigned long runs, unsigned long calls, unsigned long failed) const {
        double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
        double used = cpu_seconds() - cpu_;
        rusage r{};
        getrusage(RUSAGE_SELF, &r);
        std::printf("%s runs=%lu calls=%lu failed=%lu wall_s=%.3f cpu_ms_per_call=%.4f peak_mb=%.1f\n", name, runs,
                    calls, failed, wall, calls ? 1000.0 * used / static_cast<double>(calls) : 0.0,
                    static_cast<double>(r.ru_maxrss) / 1024.0);
    }

private:
    std::chrono::steady_clock::time_point began_;
    double cpu_;
};
