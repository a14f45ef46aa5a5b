#pragma once

#include <reagent/evaluate/example.hpp>
#include <reagent/journal/journal.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace reagent {

/// What somebody says of an answer, by its request: labels as an example has them, or a score from 0 to 1. What comes
/// later counts.
struct request_feedback {
    std::string request{};
    json::object labels{};
    std::optional<double> score{};
    std::string remark{};
    bool withheld = false;  ///< as the store has it: private values were left out of the labels, or hashed
};

/// One answer of a program in production.
struct sample {
    std::string request{};  ///< the request's id
    std::string program{};
    std::uint64_t version = 0;  ///< of the program store; 0: not from one
    bool heard = true;          ///< false: a shadow's, which nobody was given
    json::object inputs{}, outputs{};
    std::string error{};  ///< why there is no answer; "": there is one
    std::chrono::microseconds latency{};
    reagent::usage usage{};  ///< with its cost
    std::string model{};     ///< what the provider calls what answered, with its version: "gpt-4o-mini-2024-07-18"
    std::chrono::system_clock::time_point at{};

    // As the store has it.
    std::uint64_t number = 0;  ///< grows
    std::string kept_by{};     ///< "rate", "reservoir" or "rule"
    bool withheld = false;     ///< private values were left out of it, or hashed: it is no example
    std::optional<request_feedback> said{};
    std::uint64_t said_number = 0;  ///< of the feedback; grows with each that comes
};

json::object to_json(const sample& s);
json::object to_json(const request_feedback& f);

/// What answered in a run: for each call of a model its name as the provider tells it, else as it was asked for; each
/// once.
std::string models_of(const journal& history);

/// Where the labels of an example come from.
enum class labels_from {
    feedback,  ///< samples without labels are left out
    answers,   ///< what was answered: for comparing versions, and for teaching a smaller model
};

/// Samples as examples for `evaluate`, `compile` and their commands: inputs, and labels. Left out: shadows' answers,
/// failures, samples without labels, and those of which private values are missing.
dataset to_dataset(std::span<const sample> samples, labels_from where = labels_from::feedback);

/// From 0 (inclusive) to 1 by a key, the same on every machine: who gets a canary, what is sampled.
/// @param purpose tells choices by one key apart
double share_of(std::string_view key, std::string_view purpose);

}  // namespace reagent
