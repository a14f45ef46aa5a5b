#include "live_view.hpp"

#include <reagent/schema/render.hpp>

#include <iostream>

namespace reagent::cli {
namespace {

std::string indented(const std::string& s, const std::string& by) {
    std::string out;
    for (char c : s) out += c == '\n' ? "\n" + by : std::string(1, c);
    return out;
}

void line(const std::string& text) { std::cout << text << std::endl; }

}  // namespace

void live_view::operator()(const run_event& e) {
    switch (e.kind) {
        case run_event::piece: return grow(e);
        case run_event::restart:
            close();
            shown_.clear();
            return line(t_.dim("note     " + (e.error.empty() ? std::string{"the model is asked again"} : printable(e.error))));
        case run_event::step:
            close();
            if (!e.thought.empty() && !thought_shown_) line(t_.dim("thought  ") + indented(printable(e.thought), "         "));
            thought_shown_ = false;
            return line(t_.cyan("call     ") + t_.bold(printable(e.tool)) + " " +
                        indented(shortened(printable(dump_json(*e.arguments)), 600), "         "));
        case run_event::observed: {
            close();
            std::string text = e.result->is_structured() ? dump_json(*e.result) : python_str(*e.result);
            return line((e.error.empty() ? t_.green("result   ") : t_.red("result   ")) +
                        indented(shortened(printable(text), 800), "         "));
        }
        case run_event::backtrack:
            close();
            return line(t_.dim("back     to " + std::string{e.path} + ": " + indented(printable(e.error), "         ")));
        case run_event::note: close(); return line(t_.dim("note     " + indented(printable(e.error), "         ")));
        default: return;
    }
}

void live_view::close() {
    if (!open_.empty()) std::cout << (open_ == "next_thought" ? "" : t_.bold_end()) << std::endl;
    open_.clear();
}

void live_view::grow(const run_event& e) {
    std::string field{e.field};
    const auto* output = signature_.output(field);
    bool thought = field == "next_thought";
    if (!thought && !(output && output->type == "str")) return;  // other values are shown when they are whole
    if (field != open_) {
        close();
        open_ = field;
        if (thought) {
            std::cout << t_.dim("thought  ");
            thought_shown_ = true;
        } else {
            std::cout << (shown_.empty() ? "\n" : "") << (signature_.outputs.size() == 1 ? "" : field + ": ") << t_.bold_begin();
            shown_.insert(field);
        }
    }
    std::cout << (thought ? indented(printable(e.text), "         ") : printable(e.text)) << std::flush;
}

}  // namespace reagent::cli
