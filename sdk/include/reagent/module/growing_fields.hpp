#pragma once

#include <reagent/adapter/adapter.hpp>
#include <reagent/journal/recorded.hpp>

#include <memory>
#include <string>
#include <vector>

namespace reagent {

/// Fields behind a prompt's inputs that grow by a few at a time: an agent's steps. Each is put into words once, so that
/// a long agent's prompts, and telling whether a journal has them, do not take time for every step before. Not
/// thread-safe.
class growing_fields {
public:
    void add(further_fields more);
    void clear();
    const std::string& text(adapter a);  ///< as `format_further` of all of them
    recorded_text trajectory();          ///< `text(adapter::chat)`, by reference to what it was
    /// The same for the same messages and for no others.
    std::string fingerprint(const std::shared_ptr<const prompt_template>& prompt, const json::object& inputs,
                            const std::vector<json::object>& history, const further_fields& past);

private:
    struct words {
        std::string text;
        std::vector<std::size_t> ends{};  // of each part in it
        std::string digest{};             // of the first so many parts
        std::size_t digested = 0;
    };
    words& put(adapter a);
    const std::string& digest(adapter a);

    std::vector<further_fields> parts_;
    words words_[3];  // by adapter
    recorded_text trajectory_;
    bool cleared_ = false;
    std::shared_ptr<const prompt_template> prompt_;  // of the last fingerprint, with these inputs
    json::object inputs_;
    std::string around_;  // digest of what stands around the steps
};

}  // namespace reagent
