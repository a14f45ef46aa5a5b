#pragma once

#include <reagent/lm/decorators.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace reagent::decorators {

/// Answers in a file that many processes may share. Blocks; thread-safe.
class answer_file {
public:
    struct entry {
        std::string value;
        std::chrono::seconds age;
    };

    virtual ~answer_file() = default;
    virtual std::optional<entry> find(const std::string& key) = 0;
    virtual void store(const std::string& key, const std::string& value) = 0;
};

/// Of the library reagent::durable, which has SQLite.
/// @throws lm_error(unavailable) when the file cannot be made
std::unique_ptr<answer_file> open_answer_file(const cache_options& options);

}  // namespace reagent::decorators
