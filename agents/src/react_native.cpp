// An agent by the provider's tool calling.
#include "described_tools.hpp"
#include "react_parts.hpp"
#include "written_calls.hpp"

#include <reagent/adapter/thinking.hpp>
#include <reagent/journal/recorded.hpp>
#include <reagent/module/parallel.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <algorithm>
#include <set>

namespace reagent::detail {
namespace {

// Arguments as a model wrote them: JSON, or what can be repaired to it without guessing; else its text, and why.
struct read_arguments {
    json::value value;
    std::string wrong{};
};
read_arguments arguments_of(const std::string& text) {
    auto read = read_tool_arguments(text);
    if (read.value) return {std::move(*read.value)};
    return {json::string(text), "what its arguments say is not clear: " + escape_markers(std::move(read.wrong)) +
                                    "; nothing is done with what would have to be guessed"};
}

// As versions before `submit` read them: for their journals.
json::value earlier_arguments_of(const std::string& text) {
    if (text.find_first_not_of(" \t\r\n") == text.npos) return json::object{};
    json::value v = repair_json(text);
    return v.is_object() ? v : json::value(json::string(text));
}

// What a round of native tool calling comes to, for traces and feedback.
json::object round_outputs(const lm_response& response) {
    json::array calls;
    for (const auto& c : response.tool_calls)
        calls.push_back(json::object{{"name", c.name}, {"arguments", c.arguments}});
    return {{"text", response.text}, {"tool_calls", std::move(calls)}};
}

std::string words_of(const std::vector<message>& messages) {
    lm_request all;
    all.messages = messages;
    return dump_json(to_json(all));
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// Why a text without a call is no answer; "": it may be one.
std::string no_text(const spoken_text& spoken, const std::vector<tool_description>& offered) {
    if (spoken.open) return "its thinking has no end, and nothing behind its beginning counts";
    if (is_blank(spoken.text)) return "it is empty";
    auto markup = call_markup(spoken.text, offered);
    if (markup.empty()) return {};
    return "it holds the markup of a call (" + escape_markers(std::move(markup)) +
           ") and is no call that can be read: its JSON must be whole and clear, and nothing else may stand around it";
}

// Halves the longest texts of a round. @return false: there is nothing to shorten
bool shorten(std::vector<message>& round) {
    std::size_t longest = 0;
    for (const auto& m : round) longest = std::max(longest, m.content.size());
    if (longest / 2 < least_shown) return false;
    for (auto& m : round) m.content = shortened(std::move(m.content), longest / 2);
    return true;
}

}  // namespace

struct react_core::native_talk {
    const react_core& self;
    run& r;
    const json::object& inputs;
    progress& p;
    const output_check& accept;

    const std::string path = self.step_.predictor_path();
    const predictor_parameters* own = r.parameters() ? r.parameters()->find(path) : nullptr;
    std::string submit{};  // the tool that ends the work
    bool earlier = false;  // the journal's run was begun before there was `submit`
    std::vector<tool_description> offered{};
    std::vector<message> opening{};
    std::vector<std::vector<message>> rounds{};  // each an assistant's calls with their results
    std::string begin{}, so_far{};               // what a request is known by, without making it
    std::function<void(const lm_event&)> on_event{};
    std::size_t taken = 0, odd = 0;  // steps; answers in a row that were none
    bool asked = false;              // about a text without a call
    bool ended = false;
    std::optional<json::object> outputs{};  // that were submitted
    std::optional<std::uint64_t> room{};    // tokens, where an answer was cut off for lack of them

    void open();
    void offer();
    lm_request request(const std::vector<message>& told) const;
    std::vector<message> feedback(const run::begun_call& begun) const;
    task<std::shared_ptr<const lm_response>> ask();
    task<void> step(const lm_response& response, bool as_earlier);
    task<void> act(std::vector<react_step>& steps, std::vector<std::string>& wrong);
    std::vector<tool_call> calls_of(const lm_response& response, bool as_earlier) const;
    std::string known_name(const std::string& name) const;
    const tool_description* description_of(std::string_view name) const;
    void refuse(const lm_response& response, const std::string& why);
    void answered_in_text(const lm_response& response, const std::string& text);
    bool takes_outputs_in_json(const std::string& text);
    std::string outputs_that_do_not_fit(const std::string& text) const;
    std::string not_seen_yet(const std::vector<react_step>& steps) const;
    void take_submitted(std::vector<react_step>& steps, std::vector<std::string>& wrong);
    std::vector<violation> check(const json::object& given, json::object& read) const;
    void remember(std::vector<message> round);
    void try_again(const std::string& why);
    std::string make_room();
    [[noreturn]] void give_up(const std::string& why, const std::string& text) const;
};

void react_core::native_talk::open() {
    offer();
    const auto& written = own && own->instructions ? *own->instructions : self.signature_.instructions;
    std::string end = earlier
                          ? "call `finish` once you can produce " + output_names(self.signature_) + "."
                          : "call `" + submit + "` with " + output_names(self.signature_) + " once you know enough.";
    opening = {{role::system, written + "\n\nCall tools to find out what you need; " + end}};
    for (auto& m : history_messages(r.options().adapter, self.signature_, inputs)) opening.push_back(std::move(m));
    further_fields given;
    for (const auto& f : self.signature_.inputs)
        if (const auto* v = is_history(f) ? nullptr : inputs.if_contains(f.name))
            given.emplace_back(f.name, json::value(json::string(format_value(f, *v))));
    opening.push_back({role::user, format_further(r.options().adapter, given)});
    begin = words_of(opening);
    for (const auto& t : offered) begin += "|" + t.name;
    so_far = begin = chained_digest({}, begin);
    if (r.options().stream && r.options().on_event)
        on_event = [&r = r, &path = path](const lm_event& e) {
            if (e.kind != lm_event::text && e.kind != lm_event::reasoning) return;
            r.notify({.kind = run_event::piece,
                      .path = path,
                      .field = e.kind == lm_event::text ? "next_thought" : "",
                      .text = e.text_piece});
        };
}

void react_core::native_talk::offer() {
    submit = "submit";
    while (self.tools_.find(submit)) submit += submit == "submit" ? "_answer" : "_";
    offered = own ? described_with(self.tools_, own->tools) : self.tools_.describe();
    for (auto& t : offered) t.description = escape_markers(std::move(t.description));
    if (auto recorded = r.upcoming_request(path)) {
        const auto& tools = recorded->frame().tools;
        earlier = std::any_of(tools.begin(), tools.end(), [](const tool_description& t) { return t.name == finish; });
    }
    if (earlier)
        offered.push_back({std::string{finish},
                           "Ends the work, once you know enough to produce " + output_names(self.signature_) + ".",
                           json::object{{"type", "object"}, {"properties", json::object{}}}});
    else
        offered.push_back(
            {submit, "Ends the work with its outputs, once you know enough.", outputs_schema(self.signature_)});
}

lm_request react_core::native_talk::request(const std::vector<message>& told) const {
    lm_request q;
    q.messages = opening;
    for (const auto& round : rounds)
        for (const auto& m : round) {
            auto& last = q.messages.back();
            if (m.role == role::user && last.role == role::user)  // not all servers take two in a row
                last.content += "\n\n" + m.content;
            else
                q.messages.push_back(m);
        }
    q.messages.insert(q.messages.end(), told.begin(), told.end());
    q.tools = offered;
    if (own) q.sampling = own->sampling;
    if (room) q.sampling.max_tokens = room;
    return q;
}

std::vector<message> react_core::native_talk::feedback(const run::begun_call& begun) const {
    std::vector<message> told;
    if (begun.earlier)
        for (const auto& f : *begun.earlier)
            told.push_back(
                {role::user, "At this point you answered: " + escape_markers(dump_json(json::value(f.outputs))) +
                                 "\nThat was not accepted: " + escape_markers(f.message) + "\nDo it differently."});
    if (!begun.advice.empty()) told.push_back({role::user, "Advice: " + escape_markers(begun.advice)});
    return told;
}

// The next answer; none when the request was changed and has to be made again.
task<std::shared_ptr<const lm_response>> react_core::native_talk::ask() {
    const auto begun = r.begin_call(path);
    r.mark_private(path, self.signature_, inputs);
    const std::vector<message> told = feedback(begun);
    std::function<lm_request()> make = [&] { return request(told); };
    std::function<std::string()> fingerprint = [&] {
        return told.empty() ? so_far : chained_digest(so_far, words_of(told));
    };
    language_model model;  // named: g++ 12 evaluates both sides of a `?:` inside of a co_await expression
    if (own) model = own->lm;
    std::shared_ptr<const lm_response> response;
    std::string failed, shorter;
    bool unreadable = false;
    try {
        response = co_await r.call_model(path, model, std::move(make), std::move(fingerprint), on_event);
    } catch (const lm_error& e) {
        if (e.code() == lm_errc::context_length) {
            shorter = make_room();
            if (shorter.empty()) throw;
        } else {
            if (earlier || !could_not_be_read(e) || odd >= r.options().max_retries) throw;
            failed = e.what();
            unreadable = e.code() == lm_errc::malformed_response;
        }
    }
    if (response) {
        r.finish_call(self.step_, begun, inputs, round_outputs(*response), p.shown().trajectory());
        co_return response;
    }
    if (!failed.empty()) {
        // A response of no shape at all is no fault of a call; the server's words are for people, not for the model.
        const bool of_a_call = !unreadable || failed.find("tool call") != failed.npos;
        if (!of_a_call) r.notify({.kind = run_event::note, .path = path, .error = failed});
        try_again(of_a_call ? "the provider could not read it as a call of a tool"
                            : "the provider's response could not be read");
        co_return response;
    }
    r.notify({.kind = run_event::note, .path = path, .error = shorter});
    co_return response;
}

// As `progress::make_room`, for what is sent back in its own form.
std::string react_core::native_talk::make_room() {
    const bool several = rounds.size() > 1;
    if (several)
        rounds.erase(rounds.begin());
    else if (rounds.empty() || !shorten(rounds.front()))
        return {};
    so_far = begin;
    for (const auto& round : rounds) so_far = chained_digest(so_far, words_of(round));
    return several ? "the context is too long; the oldest step is left out of the prompt"
                   : "the context is too long; the last step is shortened in the prompt";
}

void react_core::native_talk::remember(std::vector<message> round) {
    so_far = chained_digest(so_far, words_of(round));
    rounds.push_back(std::move(round));
}

// What was no answer is not shown to the model, or not as its own; it is told why.
void react_core::native_talk::try_again(const std::string& why) {
    ++odd;
    r.notify({.kind = run_event::note, .path = path, .error = "an answer was none: " + why});
    remember({{role::user, "Your last answer was not taken: " + why + ". Call a tool, or `" +
                               (earlier ? std::string{finish} : submit) + "`."}});
}

void react_core::native_talk::give_up(const std::string& why, const std::string& text) const {
    const std::size_t attempts = odd + 1 + (asked ? 1 : 0);
    throw parse_error{adapter_errc::no_fields,
                      "the agent for \"" + self.signature_.text() + "\" got no answer in " + std::to_string(attempts) +
                          (attempts > 1 ? " attempts: " : " attempt: ") + why,
                      {},
                      text};
}

// What ended otherwise than by the model: nothing of it acts.
void react_core::native_talk::refuse(const lm_response& response, const std::string& why) {
    const bool cut_off = response.finish == finish_reason::length;
    std::string advice;
    if (cut_off) {
        auto limit = room ? room : max_tokens_of(r, own);
        advice = limit ? " (max_tokens is " + std::to_string(*limit) + ")" : "";
        if (auto more = more_tokens(limit)) room = more;
    }
    if (odd >= r.options().max_retries)
        give_up(why + advice +
                    (cut_off ? "; raise max_tokens of the run's or the model's sampling (reagent ask --max-tokens), or "
                               "ask for less"
                             : ""),
                response.text);
    if (response.tool_calls.empty() || response.finish == finish_reason::error) return try_again(why + advice);
    ++odd;
    r.notify({.kind = run_event::note, .path = path, .error = "an answer was none: " + why + advice});
    std::vector<message> round{{role::assistant, is_blank(response.text) ? "" : response.text, response.tool_calls}};
    round.front().reasoning_blocks = response.reasoning_blocks;
    for (std::size_t k = 0; k < response.tool_calls.size(); ++k) {
        auto& c = round.front().tool_calls[k];
        react_step s{k ? "" : response.text, c.name, arguments_of(c.arguments).value,
                     json::value(json::string("Error: `" + c.name + "` was not called, because of the answer " + why +
                                              advice + ". Call it again, with all of its arguments.")),
                     true};
        if (auto strict = parse_json(c.arguments); !strict || !strict->is_object()) c.arguments = "{}";
        r.notify({.kind = run_event::step, .path = path, .tool = s.tool, .arguments = &s.args, .thought = s.thought});
        r.notify({.kind = run_event::observed,
                  .path = path,
                  .tool = s.tool,
                  .arguments = &s.args,
                  .result = &s.observation,
                  .error = "failed"});
        if (c.id.empty()) c.id = "call_" + std::to_string(rounds.size()) + "_" + std::to_string(k);
        round.push_back({role::tool, escape_markers(python_str(s.observation)), {}, c.id});
        p.steps.push_back(std::move(s));
    }
    remember(std::move(round));
}

// A text that is nothing but a JSON object with exactly the outputs, which fit.
bool react_core::native_talk::takes_outputs_in_json(const std::string& text) {
    const auto whole = without_fence(text);
    auto given = parse_json(whole);
    if (earlier || !given || !given->is_object() || given->get_object().size() != self.signature_.outputs.size())
        return false;
    if (!read_unambiguous_json(whole).value) return false;  // a member stands twice in it
    json::object read;
    if (!check(given->get_object(), read).empty()) return false;
    p.steps.push_back({{}, submit, *given, json::value("Completed."), false});
    outputs = std::move(read);
    return ended = true;
}

// Why a text that is nothing but a JSON object of outputs is none of them, and no text either; "": it is no such
// object.
std::string react_core::native_talk::outputs_that_do_not_fit(const std::string& text) const {
    if (earlier) return {};
    const auto whole = without_fence(text);
    const std::string output = output_named_in(self.signature_, whole);
    auto given = parse_json(whole);
    if (!given || !given->is_object()) {
        if (output.empty()) return {};
        auto why = read_unambiguous_json(whole).wrong;
        return "`" + output + "` stands in it as a name" + (why.empty() || whole.front() != '{' ? "" : ", and " + why) +
               "; call the tool with its value";
    }
    if (given->get_object().empty()) return {};
    const bool all = std::all_of(given->get_object().begin(), given->get_object().end(),
                                 [&](const auto& member) { return self.signature_.output(member.key()); });
    if (!all && output.empty()) return {};
    json::object read;
    std::string why;
    for (const auto& v : check(given->get_object(), read)) why += (why.empty() ? "" : "; ") + v.path + " " + v.message;
    return why;
}

// A text without a call is asked about once; then it is the answer, where it can be one.
void react_core::native_talk::answered_in_text(const lm_response& response, const std::string& text) {
    if (takes_outputs_in_json(text)) return;
    if (auto why = outputs_that_do_not_fit(text); !why.empty())
        return refuse(response, "is JSON with outputs that do not fit: " + escape_markers(std::move(why)));
    auto twice = read_unambiguous_json(without_fence(text));
    if (twice.why == unambiguous_json::cause::repeated)
        return refuse(response, "is not clear: " + escape_markers(std::move(twice.wrong)));
    odd = 0;
    if (!asked) {
        asked = true;
        std::vector<message> round{{role::assistant, text},
                                   {role::user, "That is no call of a tool, and so ends nothing. Call `" +
                                                    (earlier ? std::string{finish} : submit) + "`" +
                                                    (earlier ? "" : " with " + output_names(self.signature_)) +
                                                    " if it is your answer, else another tool."}};
        round.front().reasoning_blocks = response.reasoning_blocks;
        remember(std::move(round));
        return;
    }
    json::object given;
    const auto& s = self.signature_;
    if (auto read = parse(r.options().adapter, s, text))
        given = std::move(*read);
    else if (s.outputs.size() == 1 && s.outputs[0].kind == field_kind::text)
        given[s.outputs[0].name] = text;
    else
        give_up("it is text without a call, twice, and " + output_names(s) + " cannot be read from it", response.text);
    json::object read;
    auto wrong = check(given, read);
    if (!wrong.empty())
        give_up("it is text without a call, twice, and wrong: " + wrong.front().path + " " + wrong.front().message,
                response.text);
    p.steps.push_back({{}, submit, given, json::value("Completed."), false});
    outputs = std::move(read);
    ended = true;
}

// Why a list or an object that was submitted as its text cannot be read without guessing.
std::string unclear(const signature_field& f, const json::value& v) {
    if (f.kind == field_kind::text || !v.is_string()) return {};
    const std::string_view text = v.get_string();
    if (text.find_first_of("{[") == text.npos) return {};
    return f.shape.read(v, reading::strict).ok() ? std::string{} : read_unambiguous_json(text).wrong;
}

// Outputs as they were submitted, by their types; and what the program says of them.
std::vector<violation> react_core::native_talk::check(const json::object& given, json::object& read) const {
    std::vector<violation> wrong;
    const auto& s = self.signature_;
    std::vector<std::string> names;
    for (const auto& f : s.outputs) names.push_back(f.name);
    for (const auto& [name, v] : given)
        if (!s.output(name) && name != "reasoning") {
            auto near = did_you_mean(name, names);
            wrong.push_back({std::string{name},
                             "is no output" + (near.empty() ? std::string{} : "; did you mean `" + near + "`?")});
        }
    for (const auto& f : s.outputs) {
        const auto* v = given.if_contains(f.name);
        if (!v) {
            if (!f.shape.allows_null()) wrong.push_back({f.name, "is missing"});
            read[f.name] = nullptr;
            continue;
        }
        if (f.kind == field_kind::text && v->is_structured()) {
            wrong.push_back({f.name, "expected text, got " + std::string{v->is_object() ? "an object" : "a list"}});
            continue;
        }
        if (v->is_string() && is_written_as_call(v->get_string(), offered)) {
            wrong.push_back(
                {f.name, "is the markup of a call of a tool, which nobody makes here; call the tool itself"});
            continue;
        }
        if (auto why = unclear(f, *v); !why.empty()) {
            wrong.push_back({f.name, "is not clear: " + escape_markers(std::move(why))});
            continue;
        }
        auto one = stays_text(f, *v) ? boost::system::result<json::value, parse_failure>{*v} : read_field(f, *v);
        if (one)
            read[f.name] = std::move(*one);
        else
            for (const auto& w : one.error().violations) wrong.push_back(w);
        if (!one && one.error().violations.empty()) wrong.push_back({f.name, one.error().message});
    }
    if (wrong.empty() && accept) wrong = accept(read);
    if (auto* why = given.if_contains("reasoning"); why && why->is_string() && !s.output("reasoning"))
        read["reasoning"] = *why;
    return wrong;
}

// Why what is submitted with `steps` cannot rest on them: a call among them failed, or its result is not known to the
// model yet. "": there is no such call.
std::string react_core::native_talk::not_seen_yet(const std::vector<react_step>& steps) const {
    const react_step* other = nullptr;
    for (const auto& s : steps) {
        if (s.tool == submit || (s.tool == finish && !self.tools_.find(finish))) continue;
        if (!other || (s.failed && !other->failed)) other = &s;
    }
    if (!other) return {};
    return "`" + escape_markers(other->tool) + "`, which was called in the same answer, " +
           (other->failed ? "failed" : "has a result that you had not seen");
}

void react_core::native_talk::take_submitted(std::vector<react_step>& steps, std::vector<std::string>& wrong) {
    react_step* first = nullptr;
    const std::string unseen = not_seen_yet(steps);
    for (std::size_t k = 0; k < steps.size(); ++k) {
        auto& s = steps[k];
        const bool empty = s.args.is_object() && s.args.get_object().empty();
        if (s.tool == finish && !self.tools_.find(finish)) {
            ended = true;  // not offered any more, and still meant: the outputs are extracted
            s.observation = "Completed.";
            if (empty || outputs) continue;
        } else if (s.tool != submit)
            continue;
        json::object read;
        std::string why = wrong[k];
        if (why.empty() && s.tool == submit && !unseen.empty()) {
            s.failed = true;
            s.observation = "Error: `" + submit + "` was not accepted: " + unseen +
                            ". Look at the results first, then call it on its own.";
            continue;
        }
        if (why.empty() && !s.args.is_object()) why = "its arguments are no JSON object";
        if (why.empty() && first && first->args != s.args) why = "it was called twice, with two things";
        if (why.empty())
            for (const auto& v : check(s.args.get_object(), read))
                why += (why.empty() ? "" : "; ") + v.path + " " + v.message;
        if (why.empty()) {
            s.observation = "Completed.";
            if (!read.contains("reasoning")) read["reasoning"] = steps.front().thought;
            if (!first) outputs = std::move(read);
            first = first ? first : &s;
            ended = true;
            continue;
        }
        s.failed = true;
        if (s.tool == finish) {
            s.observation = "Error: `finish` takes no arguments; what was passed is ignored. Completed.";
            continue;
        }
        s.observation = "Error: `" + submit + "` was not accepted: " + why + ". Call it again with outputs that fit.";
        if (!first) continue;
        ended = false;
        outputs.reset();
        first->failed = true;
        first->observation = s.observation;
    }
}

task<void> react_core::native_talk::act(std::vector<react_step>& steps, std::vector<std::string>& wrong) {
    auto ends = [this](const react_step& s) { return !earlier && (s.tool == submit || s.tool == finish); };
    std::vector<std::string> together;
    for (const auto& s : steps)
        if (const tool* t = self.tools_.find(s.tool); t && s.args.is_object() && t->read_arguments(s.args).ok())
            together.push_back(s.tool);
    auto one_step = [&](run& branch, std::size_t k) -> task<bool> {
        if (!ends(steps[k])) co_await self.act(branch, steps[k], wrong[k]);
        co_return true;
    };
    if (steps.size() == 1)
        co_await one_step(r, 0);
    else {
        self.tools_.announce(r, together);
        std::vector<std::size_t> order(steps.size());
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
        co_await parallel_map(r, order, one_step);
    }
    if (earlier)
        ended = std::any_of(steps.begin(), steps.end(), [](const react_step& s) { return s.tool == finish; });
    else {
        take_submitted(steps, wrong);
        for (const auto& s : steps)
            if (ends(s)) {
                r.notify({.kind = run_event::step,
                          .path = path,
                          .tool = s.tool,
                          .arguments = &s.args,
                          .thought = s.thought});
                r.notify({.kind = run_event::observed,
                          .path = path,
                          .tool = s.tool,
                          .arguments = &s.args,
                          .result = &s.observation,
                          .error = s.failed ? "failed" : ""});
            }
    }
}

std::string react_core::native_talk::known_name(const std::string& name) const {
    auto meant =
        meant_tool(name, [this](const std::string& n) { return self.tools_.find(n) || n == submit || n == finish; });
    return meant ? *meant : name;
}

const tool_description* react_core::native_talk::description_of(std::string_view name) const {
    static const tool_description ends{std::string{finish}, {}, json::object{}};
    const std::string known = known_name(std::string{name});
    for (const auto& t : offered)
        if (t.name == known) return &t;
    return known == finish ? &ends : nullptr;
}

std::vector<tool_call> react_core::native_talk::calls_of(const lm_response& response, bool as_earlier) const {
    auto calls = response.tool_calls;
    if (as_earlier) return calls;
    const spoken_text spoken = calls.empty() ? without_thinking(response.text) : spoken_text{};
    if (calls.empty() && !spoken.open)
        calls = written_calls(spoken.text, [this](std::string_view name) { return description_of(name); });
    std::set<std::string> ids;
    for (std::size_t k = 0; k < calls.size(); ++k) {
        auto& c = calls[k];
        c.name = known_name(c.name);
        while (c.id.empty() || !ids.insert(c.id).second)
            c.id += "call_" + std::to_string(rounds.size()) + "_" + std::to_string(k);
    }
    return calls;
}

task<void> react_core::native_talk::step(const lm_response& response, bool as_earlier) {
    auto calls = calls_of(response, as_earlier);
    if (!as_earlier) {
        if (response.finish == finish_reason::content_filter)
            throw lm_error{lm_errc::content_filter,
                           "no answer for \"" + self.signature_.text() + "\": " + no_answer(response),
                           {.request_id = response.request_id}};
        if (auto why = no_answer(response); !why.empty()) co_return refuse(response, why);
        const spoken_text spoken = without_thinking(response.text);
        if (calls.empty())
            if (auto why = no_text(spoken, offered); !why.empty()) co_return refuse(response, why);
        if (calls.empty()) co_return answered_in_text(response, spoken.text);
        odd = 0;
        asked = false;
    }
    const bool written = response.tool_calls.empty();
    std::vector<react_step> steps;
    std::vector<std::string> wrong;
    for (auto& c : calls) {
        auto args = as_earlier ? read_arguments{earlier_arguments_of(c.arguments)} : arguments_of(c.arguments);
        // What goes back is JSON, whatever the model wrote.
        if (auto strict = parse_json(c.arguments); !as_earlier && (!strict || !strict->is_object()))
            c.arguments = args.value.is_object() ? dump_strict_json(args.value) : "{}";
        steps.push_back(
            {steps.empty() && !written ? response.text : std::string{}, c.name, std::move(args.value), {}, false});
        wrong.push_back(std::move(args.wrong));
    }
    if (steps.empty()) {  // of an earlier version's journal: no call, the model was done
        steps.push_back({response.text, std::string{finish}, json::object{}, {}, false});
        wrong.emplace_back();
    }
    co_await act(steps, wrong);
    for (std::size_t k = 0; !as_earlier && k < calls.size(); ++k)  // whoever approved it may have given others
        if (steps[k].args.is_object() && steps[k].args != arguments_of(calls[k].arguments).value)
            calls[k].arguments = dump_strict_json(steps[k].args);
    std::vector<message> round{{role::assistant, written && !calls.empty() ? std::string{} : response.text, calls}};
    round.front().reasoning_blocks = response.reasoning_blocks;
    for (std::size_t k = 0; k < steps.size(); ++k) {
        p.steps.push_back(std::move(steps[k]));
        point_out_repetition(p.steps);
        const auto& o = p.steps.back().observation;
        if (k < calls.size())
            round.push_back(
                {role::tool, escape_markers(o.is_structured() ? dump_json(o) : python_str(o)), {}, calls[k].id});
    }
    if (!ended) remember(std::move(round));
}

task<std::optional<json::object>> react_core::native_loop(run& r, const json::object& inputs, progress& p,
                                                          const output_check& accept) const {
    native_talk talk{*this, r, inputs, p, accept};
    talk.open();
    while (talk.taken < options_.max_iters && !talk.ended) {
        const bool as_earlier = talk.earlier && r.upcoming_request(talk.path);
        auto response = co_await talk.ask();
        if (!response) continue;
        ++talk.taken;
        co_await talk.step(*response, as_earlier);
    }
    co_return std::move(talk.outputs);
}

}  // namespace reagent::detail
