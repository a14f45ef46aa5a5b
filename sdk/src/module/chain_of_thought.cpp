#include <reagent/module/chain_of_thought.hpp>

#include "text_field.hpp"

#include <boost/json.hpp>

namespace reagent::detail {

namespace {

// Instructions that nobody wrote name the fields, so they follow the fields.
signature renewed(signature changed, const signature& original) {
    if (original.instructions == default_instructions(original)) changed.instructions = default_instructions(changed);
    return changed;
}

}  // namespace

signature with_reasoning(signature s) {
    if (s.output("reasoning") || s.input("reasoning")) return s;
    s.outputs.insert(s.outputs.begin(), text_field("reasoning", ""));
    return s;
}

signature with_hint(signature s) {
    if (s.input("hint") || s.output("hint"))
        throw signature_error{signature_errc::duplicate_field,
                              "a signature with a field `hint` cannot take a hint besides", 0, "rename the field"};
    signature changed = s;
    changed.inputs.push_back(text_field("hint", ""));
    return renewed(std::move(changed), s);
}

void throw_unreadable(const signature& s, std::vector<violation> violations) {
    std::string path = violations.empty() ? "" : violations.front().path;
    throw parse_error{adapter_errc::bad_value,
                      "the outputs of \"" + s.text() + "\" do not fit their C++ types: " + to_string(violations),
                      path,
                      {}};
}

}  // namespace reagent::detail
