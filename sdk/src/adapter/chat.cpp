#include "../base/quoted.hpp"
#include "../base/text.hpp"
#include "chat_scanner.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <span>

namespace reagent::detail {
namespace {

std::string placeholder(const signature_field& f) {
    auto note = type_note(f);
    return "\n\n" + marker(f.name) + "\n{" + f.name + "}" + (note.empty() ? "" : "  # " + note);
}

std::string layout(const signature& s) {
    std::string text = "Every message is laid out like this:";
    for (const auto& f : s.inputs) text += "\n\n" + marker(f.name) + "\n{" + f.name + "}";
    for (const auto& f : s.outputs) text += placeholder(f);
    return text + "\n\n" + marker("completed");
}

std::string inputs(const signature& s, const json::object& values) { return by_markers(s.inputs, values); }

std::string outputs(const signature& s, const json::object& values) {
    std::string text = by_markers(s.outputs, values);
    return text + (text.empty() ? "" : "\n\n") + marker("completed");
}

void further(std::string& out, std::string_view name, std::string_view text) { append_field(out, name, text); }

std::string request(const signature& s) {
    std::string text = "Write the fields ";
    bool first = true;
    for (const auto& f : s.outputs) {
        text += (std::exchange(first, false) ? "`" : ", `") + marker(f.name) + "`";
        if (f.type == "int" || f.type == "float" || f.type == "bool") text += " (" + type_note(f) + ")";
    }
    return text + ", then `" + marker("completed") + "`.";
}

}  // namespace

const prompt_format& chat_format() {
    static constexpr prompt_format f{layout, inputs, outputs, request, further};
    return f;
}

namespace {

// What a completion holds, in order: the text of an output, or without a field the end of a block.
struct section {
    const signature_field* field;
    std::string_view text;
};
using sections = std::vector<section>;

// A marker that is no output's, and how many sections stand before it.
struct stray_marker {
    std::string name;
    std::size_t behind;
};
using strays = std::vector<stray_marker>;
constexpr std::size_t most_strays = 64;

bool is_bold(char c) { return c == '*' || c == '_' || c == '`'; }

// Reads a completion that holds no thinking and no line's end but `\n`, as nearly every one does, as `chat_scanner`
// would: in one pass from bracket to bracket, and without a copy.
class plain_reader {
public:
    plain_reader(const signature& s, std::string_view text, sections& out, strays& others)
        : s_{s}, text_{text}, out_{out}, strays_{others} {}

    static bool can_read(std::string_view text) {
        for (char c : {'<', '\r', '\v', '\f'})
            if (text.find(c) != text.npos) return false;
        return true;
    }

    void read() {
        for (auto at = text_.find('['); at != text_.npos;) {
            const auto next = at + 1 < text_.size() && text_[at + 1] == '[' ? brackets(at) : at + 1;
            at = text_.find('[', next);
        }
        close(text_.size());
    }

private:
    // @return where to go on
    std::size_t brackets(std::size_t at) {
        constexpr std::size_t longest = 320;  // more than `marker_at` looks at
        bool cut = false;
        const auto found = marker_at(text_.substr(at, longest), cut);
        if (!found || text_.substr(at, found->end).find('\n') != text_.npos) return at + 1;
        look_at_line(at);
        auto end = at + found->end;
        if (lead_ >= begin_ && at - lead_ <= 3 &&
            std::all_of(text_.begin() + offset(lead_), text_.begin() + offset(at), is_bold)) {
            for (auto bold = at - lead_; bold > 0 && end < text_.size() && is_bold(text_[end]); --bold) ++end;
            begin(found->name);
            if (found->name == "completed" && !current_) lead_ = end;  // another answer may begin on the same line
            return begin_ = end;
        }
        if (found->name != "completed") return at + 1;
        while (end < text_.size() && text_[end] != '\n' && (is_space(text_[end]) || is_bold(text_[end]))) ++end;
        if (end < text_.size() && text_[end] != '\n') return at + 1;
        close(before_marks(std::max(line_, begin_), at));
        end_block();
        return end;
    }

    // Notes where the line begins that something stands in, and where what is seen of it does. Each line is looked at
    // once.
    void look_at_line(std::size_t at) {
        const auto last = text_.substr(looked_at_, at - looked_at_).rfind('\n');
        if (last != text_.npos) lead_ = line_ = looked_at_ + last + 1;
        looked_at_ = at;
        while (lead_ < at) {
            const auto n = is_space(text_[lead_]) ? 1 : unseen_at(text_, lead_);
            if (n == 0) break;
            lead_ += n;
        }
    }
    static std::ptrdiff_t offset(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

    // Where up to three marks of bold text before a marker begin; `_` is none for the first.
    std::size_t before_marks(std::size_t from, std::size_t at) const {
        std::size_t first = at;
        for (std::size_t i = at; i > from && at - i < 3 && is_bold(text_[i - 1]);)
            if (text_[--i] != '_') first = i;
        return first;
    }

    void begin(std::string_view name) {
        close(line_);
        current_ = s_.output(name);
        if (current_) return;
        if (name == "completed")
            end_block();
        else if (strays_.size() < most_strays)
            strays_.push_back({std::string{name}, out_.size()});
    }
    void close(std::size_t end) {
        if (current_) out_.push_back({current_, trim(text_.substr(begin_, end - begin_))});
        current_ = nullptr;
    }
    void end_block() { out_.push_back({nullptr, {}}); }

    const signature& s_;
    std::string_view text_;
    sections& out_;
    strays& strays_;
    const signature_field* current_ = nullptr;
    std::size_t begin_ = 0;      // of the current section
    std::size_t looked_at_ = 0;  // up to here
    std::size_t line_ = 0, lead_ = 0;
};

struct block_reader final : chat_scanner::sink {
    block_reader(const signature& sig, sections& to, strays& others) : s{sig}, out{to}, strays_{others} {}

    bool begin(std::string_view name) override {
        close();
        current = s.output(name);
        if (!current && name == "completed")
            end_block();
        else if (!current && strays_.size() < most_strays)
            strays_.push_back({std::string{name}, out.size()});
        return current != nullptr;
    }
    void text(std::string_view piece) override { texts.back() += piece; }
    void completed() override {
        close();
        end_block();
    }
    void close() {
        if (current) out.push_back({current, trim(texts.back())});
        if (current) texts.emplace_back();
        current = nullptr;
        texts.back().clear();
    }
    void end_block() { out.push_back({nullptr, {}}); }

    const signature& s;
    sections& out;
    strays& strays_;
    const signature_field* current = nullptr;
    std::deque<std::string> texts{1};  // the last: of the section that is read
};

using span = std::span<const section>;

std::size_t number_of(const section& one, const signature& s) {
    return static_cast<std::size_t>(one.field - s.outputs.data());
}

// Which of a signature's outputs a block has.
std::vector<bool> outputs_in(span block, const signature& s) {
    std::vector<bool> has(s.outputs.size());
    for (const auto& one : block) has[number_of(one, s)] = true;
    return has;
}

bool is_complete(const std::vector<bool>& has, const signature& s) {
    for (std::size_t i = 0; i < has.size(); ++i)
        if (!has[i] && !s.outputs[i].shape.allows_null()) return false;
    return true;
}

bool has_all_of(const std::vector<bool>& has, const std::vector<bool>& other) {
    for (std::size_t i = 0; i < has.size(); ++i)
        if (other[i] && !has[i]) return false;
    return true;
}

// The last complete block counts, and nothing behind it may say otherwise: what a model quotes must not choose its
// tool. One with fewer fields than the one before adds to it, and may not say otherwise.
span from_the_one_that_counts(const signature& s, span all) {
    if (std::count_if(all.begin(), all.end(), [](const section& one) { return !one.field; }) < 2) return all;
    std::vector<bool> counts;
    std::size_t first = 0, begin = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].field) continue;
        auto has = outputs_in(all.subspan(begin, i - begin), s);
        if (is_complete(has, s) && (counts.empty() || has_all_of(has, counts))) counts = std::move(has), first = begin;
        begin = i + 1;
    }
    return all.subspan(first);
}

// Whether a text could go on behind a marker: it is not clear that it ended there.
bool may_go_on(const signature_field& f) { return f.kind == field_kind::arguments || takes_any_text(f); }

// Whether a marker of no output behind a text may stand within it: what the model was shown, a number in a row
// (`step_2`), or in a fence. One that is whole and of a name of its own is a field that nobody asked for.
bool may_be_quoted(const std::string& name, std::string_view text, const signature& s) {
    std::size_t fences = 0;
    for (auto at = text.find("```"); at != text.npos; at = text.find("```", at + 3)) ++fences;
    return fences % 2 == 1 || names_a_field(s, name) || (!name.empty() && is_digit(name.back()));
}

parse_failure holds_a_marker(const std::string& field, const std::string& name) {
    std::string why = "the marker " + quoted(name, 100) +
                      " of no output stands in it or behind it; write the outputs and nothing "
                      "else, and what you quote without its markers";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}};
}

// What comes behind the end of an answer and is not the model's to write: a result that it has not seen, a question
// that nobody asked.
parse_failure goes_on_behind_its_end(const signature& s, const std::string& name) {
    const std::string
        field = s.outputs.front().name,
        why = "behind its end the answer goes on with " + quoted(name, 100) +
              ", which is not yours to write, and with another answer; write one answer, and stop behind it";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}};
}

// Whether a line begins a turn that is not the model's: a role, another example, an input, a template's token.
bool begins_a_turn(const signature& s, std::string_view line) {
    for (std::string_view token : {"<|", "<start_of_turn>", "[INST]", "[/INST]", "</s>", "<s>"})
        if (line.find(token) != line.npos) return true;
    const std::string lower = to_lower(line.substr(0, 100));
    std::string_view text = lower;
    text.remove_prefix(std::min(text.find_first_not_of(" \t#*->_`"), text.size()));
    auto begins = [&](std::string_view word) {
        if (!text.starts_with(word)) return false;
        auto rest = text.substr(word.size());
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t*_0123456789"), rest.size()));
        return rest.empty() || rest.starts_with(':') || rest.starts_with("\uff1a");
    };
    for (std::string_view word : {"user", "human", "customer", "q", "question", "example", "next example",
                                  "next question", "input", "inputs", "\u7528\u6237", "\u95ee\u9898", "\u554f\u984c"})
        if (begins(word)) return true;
    return std::any_of(s.inputs.begin(), s.inputs.end(),
                       [&](const signature_field& f) { return begins(to_lower(f.name)); });
}

// The line between two answers that begins such a turn; "": none does.
std::string imagined_turn(const signature& s, std::string_view text) {
    for (auto at = text.find("completed"); at != text.npos; at = text.find("completed", at + 1)) {
        const auto end = text.find("]]", at), next = text.find("[[", end);
        if (next == text.npos) break;
        if (!trim(text.substr(0, at)).ends_with('#')) continue;  // no marker
        auto between = text.substr(end + 2, next - end - 2);
        while (!between.empty()) {
            const auto line = trim(between.substr(0, between.find('\n')));
            if (!line.empty() && begins_a_turn(s, line)) return cut(std::string{line}, 100);
            between.remove_prefix(std::min(between.find('\n'), between.size() - 1) + 1);
        }
    }
    return {};
}

// The output that acts; null: none does.
const signature_field* what_acts(const signature& s) {
    auto f = std::find_if(s.outputs.begin(), s.outputs.end(),
                          [](const signature_field& one) { return one.kind == field_kind::arguments; });
    return f == s.outputs.end() ? nullptr : &*f;
}

// Whether a block before the one that counts calls something else. What was thought may differ.
bool calls_differ(span before, const std::vector<const section*>& found, const signature& s) {
    return std::any_of(before.begin(), before.end(), [&](const section& one) {
        if (!one.field || (one.field->kind != field_kind::arguments && one.field->shape.allows_null())) return false;
        const auto* counts = found[number_of(one, s)];
        return !counts || counts->text != one.text;
    });
}

// Whether the markers behind the end of a step begin another under names of their own. An observation that the model
// imagines comes first where it only goes on.
bool is_another_step(const signature& s, const std::string& name, bool& imagined) {
    const std::string lower = to_lower(name.substr(0, 100));
    auto holds = [&](const char* word) { return lower.find(word) != lower.npos; };
    imagined = imagined || holds("observ") || holds("result");
    if (imagined || names_a_field(s, name)) return false;
    return s.output(lower) || holds("tool") || holds("arg") || holds("action") || holds("call") || holds("function");
}

parse_failure ends_in_a_marker(const std::string& field) {
    std::string why = "the answer ends within a marker; write all of it";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}};
}

// A line that looks like the beginning of a marker and is none: `> [[ ## name ## ]]`, `[[ ## name: ## ]]`. "": there is
// none.
std::string_view marker_in_disguise(std::string_view text) {
    for (auto at = text.find("[["); at != text.npos; at = text.find("[[", at + 2)) {
        constexpr std::size_t most_before = 20, longest = 100;
        const auto from = at - std::min(at, most_before);
        const auto line = from + (text.substr(from, at - from).rfind('\n') + 1);
        const bool begins =
            (line > from || from == 0) && text.substr(line, at - line).find_first_not_of(" \t>*_`#-:.") == text.npos;
        const auto shown = text.substr(at, longest);
        if (begins && trim(shown.substr(2)).starts_with("##")) return shown.substr(0, shown.find('\n'));
    }
    return {};
}

// Whether a text ends with a marker that is cut off.
bool ends_within_a_marker(std::string_view text) {
    auto last = trim(text.substr(text.rfind('\n') + 1));
    while (!last.empty() && is_bold(last.front())) last.remove_prefix(1);
    bool cut = false;
    return last.starts_with("[[") && last.find("##") != last.npos && !marker_at(last, cut) && cut;
}

json::value value_of(std::string_view text) {
    if (text.find('\\') == text.npos) return json::value(json::string(text));
    return json::value(json::string(unescape_markers(std::string{text})));
}

// Whether a line of a text, outside of fences, is nothing but an end of thinking that began nowhere.
bool ends_thinking_of_nowhere(std::string_view text) {
    if (text.find("</think") == text.npos) return false;
    bool fenced = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = trim(text.substr(at, end - at));
        if (line.starts_with("```")) fenced = !fenced;
        const auto tag = thinking_tag_at(line);
        if (!fenced && tag.closes && tag.size == line.size()) return true;
        at = end + 1;
    }
    return false;
}

// The outputs, where nothing is wrong with any.
std::optional<json::object> read_good(const signature& s, const std::vector<const section*>& found) {
    json::object result(s.outputs.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto& f = s.outputs[i];
        if (!found[i] && !f.shape.allows_null()) return {};
        auto value = found[i] ? read_field(f, value_of(found[i]->text)) : json::value(nullptr);
        if (!value) return {};
        result.emplace(f.name, std::move(*value));
    }
    return result;
}

}  // namespace

namespace {

// What is wrong with an answer for the markers in it that are no output's.
std::optional<parse_failure> wrong_with_strays(const signature& s, const sections& all, const strays& others,
                                               std::size_t first_counted) {
    for (const auto& stray : others)
        if (stray.behind > 0 && stray.behind <= first_counted && !all[stray.behind - 1].field)
            return goes_on_behind_its_end(s, stray.name);
    bool imagined = !what_acts(s);
    for (const auto& stray : others)
        if (stray.behind > first_counted && !all[stray.behind - 1].field && is_another_step(s, stray.name, imagined))
            return goes_on_behind_its_end(s, stray.name);
    for (const auto& stray : others)  // between a field and the end of its block
        if (const auto* before = stray.behind > first_counted ? &all[stray.behind - 1] : nullptr;
            before && before->field && may_go_on(*before->field) && may_be_quoted(stray.name, before->text, s))
            return holds_a_marker(before->field->name, stray.name);
    return {};
}

}  // namespace

parsed_outputs parse_chat(const signature& s, std::string_view completion) {
    sections all;
    strays others;
    all.reserve(8);
    std::optional<block_reader> reader;  // what it reads it keeps
    bool is_thinking = false;
    const signature_field* thinks_in = nullptr;
    if (plain_reader::can_read(completion))
        plain_reader{s, completion, all, others}.read();
    else {
        chat_scanner scanner{reader.emplace(s, all, others)};
        scanner.read(completion);
        is_thinking = scanner.is_thinking();
        if (is_thinking) thinks_in = reader->current;
        reader->close();
    }
    if (thinks_in) return thinks_within(thinks_in->name);
    // Where an output has the name of the end, the last one without a text is the end.
    if (!all.empty() && all.back().field && all.back().field->name == "completed" && all.back().text.empty())
        all.pop_back();
    std::vector<const section*> found(s.outputs.size());
    const span counted = from_the_one_that_counts(s, all);
    for (const auto& one : counted) {
        if (!one.field) continue;
        if (reader && ends_thinking_of_nowhere(one.text)) return ends_thinking_within(one.field->name);
        auto& known = found[number_of(one, s)];
        if (known && known->text != one.text) return stands_twice(one.field->name);
        if (!known) known = &one;
    }
    const auto first_counted = static_cast<std::size_t>(counted.data() - all.data());
    if (first_counted)
        if (auto turn = imagined_turn(s, completion); !turn.empty()) return goes_on_behind_its_end(s, turn);
    if (auto wrong = others.empty() ? std::nullopt : wrong_with_strays(s, all, others, first_counted)) return *wrong;
    const auto* acts = first_counted ? what_acts(s) : nullptr;
    if (acts && calls_differ(span{all}.first(first_counted), found, s)) return holds_several_steps(*acts);
    for (std::size_t i = 0; i < found.size(); ++i)
        if (found[i] && found[i] == &all.back() && ends_within_a_marker(found[i]->text))
            return ends_in_a_marker(s.outputs[i].name);
    const bool whole = (others.empty() || !has_arguments(s)) &&
                       std::all_of(found.begin(), found.end(), [](const section* one) { return one; });
    if (auto outputs = whole ? read_good(s, found) : std::nullopt) return std::move(*outputs);
    json::object values;
    answer_form form{.text = completion};
    for (const auto& other : others) form.note(s, other.name);
    for (const auto& one : counted) {
        if (!one.field) continue;
        values.emplace(one.field->name, value_of(one.text));
        if (auto line = marker_in_disguise(one.text); form.stray.empty() && !line.empty())
            form.stray = cut(std::string{line}, 100);
    }
    auto outputs = read_outputs(s, std::move(values), form);
    if (!outputs && is_thinking) return ended_thinking(outputs.error());
    return outputs;
}

}  // namespace reagent::detail
