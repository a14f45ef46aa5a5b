#include "live_view.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <iostream>

namespace reagent::cli {
namespace {

void line(const std::string& text) { std::cout << text << std::endl; }

}  // namespace

void live_view::operator()(const run_event& e) {
    switch (e.kind) {
        case run_event::piece: return grow(e);
        case run_event::restart:
            close();
            shown_.clear();
            return line(
                t_.dim("note     " + (e.error.empty() ? std::string{"the model is asked again"} : printable(e.error))));
        case run_event::step:
            close();
            if (!e.thought.empty() && !thought_shown_)
                line(t_.dim("thought  ") + indented(printable(e.thought), "         "));
            thought_shown_ = false;
            return line(t_.cyan("call     ") + t_.bold(visible_name(e.tool)) + " " +
                        shortened(visible(dump_json(*e.arguments)), 600));
        case run_event::observed: {
            close();
            std::string text = e.result->is_structured() ? dump_json(*e.result) : python_str(*e.result);
            return line((e.error.empty() ? t_.green("result   ") : t_.red("result   ")) +
                        indented(shortened(printable(text), 800), "         "));
        }
        case run_event::backtrack:
            close();
            return line(
                t_.dim("back     to " + visible_name(e.path) + ": " + indented(printable(e.error), "         ")));
        case run_event::note: close(); return line(t_.dim("note     " + indented(printable(e.error), "         ")));
        default: return;
    }
}

void live_view::close() {
    if (!open_.empty())
        std::cout << indented(pieces_.end(), indent()) << (open_ == "next_thought" ? "" : t_.bold_end()) << std::endl;
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
            std::cout << (shown_.empty() ? "\n" : "") << (signature_.outputs.size() == 1 ? "" : field + ": ")
                      << t_.bold_begin();
            shown_.insert(field);
        }
    }
    std::cout << indented(pieces_.add(e.text), indent()) << std::flush;
}

}  // namespace reagent::cli
