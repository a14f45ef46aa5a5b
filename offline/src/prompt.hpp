#pragma once

#include <reagent/lm/language_model.hpp>

#include <string>
#include <vector>

/// The stand-in for a language model that needs no key: rules, not learning. It sees what any model sees, the messages.
namespace reagent::offline {

struct offered_tool {
    std::string name, description;
    std::vector<std::string> arguments;
};

struct past_step {
    std::string tool, observation, thought;
};

struct wanted_field {
    std::string name, type;
};

enum class answer_format { chat, json, xml, native };

/// A request, as the stand-in understands it.
struct prompt {
    answer_format format = answer_format::chat;
    std::vector<std::pair<std::string, std::string>> inputs;
    std::vector<offered_tool> tools;
    std::vector<past_step> past;
    std::vector<wanted_field> wanted;

    std::string question() const;  // the input that is most likely one
    bool wants(std::string_view field) const;
};

prompt read_prompt(const lm_request& request);

}  // namespace reagent::offline
