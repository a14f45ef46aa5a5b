#pragma once

#include <reagent/http/client.hpp>
#include <reagent/run/run_observer.hpp>
#include <reagent/secret.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace reagent {

class journal_store;

struct runtime_options {
    /// Told what runs do, one line of NAME key=value ... each, with the run's id: that they begin and end (info), calls
    /// with path, duration and tokens (debug), what goes in and comes out (trace), what fails (warn). No key stands
    /// there, and nothing that is marked private. None by default.
    observed_by<spdlog::logger> logger{};
    std::vector<secret>
        secrets{};         ///< texts that no log and no telemetry may hold: passwords that tools use, for example
    unsigned threads = 1;  ///< each with an event loop and a connection pool of its own
    unsigned blocking_threads = 4;  ///< for tools and everything else that may block
    /// How long the runtime's end waits for blocking work that goes on although nobody waits for it any more: a tool
    /// past its time limit, or one of a run that was cancelled. Then it is named, in the log or on stderr, and left; it
    /// ends with the process at the latest. It must not use by then what the program destroys after the runtime.
    /// std::chrono::milliseconds::max(): for ever.
    std::chrono::milliseconds exit_grace{5'000};
    http::client_options http{};
    std::shared_ptr<journal_store> journals{};  ///< of durable runs; see `durable_service`

    observed_by<reagent::telemetry> telemetry{};             ///< told of every run that has ended
    std::vector<std::shared_ptr<run_observer>> observers{};  ///< of your own

    /// Folder into which the journal of every run goes, as run-1.jsonl and so on in the order of their start, after
    /// those that are there: nothing is written over. The file is empty until its run has ended. What is to be replayed
    /// has a folder of its own: a replay begins with run-1. Default: $REAGENT_RECORD. Durable runs have theirs in the
    /// store; see `durable_service::replay`.
    std::string record{};
    /// Such a folder: the runs are answered from there, without models, tools and network, or fail where they do
    /// something else; default: $REAGENT_REPLAY.
    std::string replay{};
};

}  // namespace reagent
