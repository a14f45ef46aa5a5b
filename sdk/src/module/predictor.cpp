#include <reagent/module/predictor.hpp>

#include <reagent/adapter/field_stream.hpp>
#include <reagent/schema/render.hpp>

#include "../adapter/formats.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

module::module(module& parent, std::string name) :path_{parent.path_.empty() ? name : parent.path_ + "." + name} {
    if (name.empty() || name.find('.') != name.npos)
        throw std::invalid_argument{"a module's name must not be empty nor hold a dot: \"" + name + "\""};
    for (const module* sibling : parent.children_)
        if (sibling->path_ == path_)
            throw std::invalid_argument{"two children of a module are called \"" + name + "\""};
    parent.children_.push_back(this);
}

predictor::predictor(reagent::signature s) : signature_{std::move(s)} {}
predictor::predictor(module& parent, std::string name, reagent::signature s, bool shows_past, standing_text standing)
    : module{parent, std::move(name)},
      signature_{std::move(s)},
      shows_past_{shows_past},
      standing_{std::move(standing)} {
    signature_.instructions += standing_.text;
}

standing_text predictor::standing_with(const predictor_parameters* p) const {
    return p && !p->tools.empty() && standing_.with ? standing_.with(p->tools) : standing_;
}

std::string predictor::open_instructions(const predictor_parameters* p) const {
    std::string text = p && p->instructions ? *p->instructions : signature_.instructions;
    for (const auto& standing : {standing_with(p).text, standing_.text})
        if (!standing.empty() && text.ends_with(standing)) text.resize(text.size() - standing.size());
    return text;
}

parameters parameters::merged_with(const parameters& over) const {
    parameters all = *this;
    for (const auto& [path, theirs] : over.predictors) {
        auto& own = all.predictors[path];
        if (theirs.instructions) own.instructions = theirs.instructions;
        if (!theirs.demos.empty() || theirs.selector) own.demos = theirs.demos, own.selector = theirs.selector;
        for (const auto& [field, text] : theirs.descriptions) own.descriptions[field] = text;
        for (const auto& [field, text] : theirs.prefixes) own.prefixes[field] = text;
        for (const auto& [tool, text] : theirs.tools) own.tools[tool] = text;
        if (theirs.lm) own.lm = theirs.lm;
        if (!theirs.lm_document.is_null()) own.lm_document = theirs.lm_document;
        own.sampling = theirs.sampling.or_else(own.sampling);
        for (const auto& [key, value] : theirs.other) own.other[key] = value;
    }
    return all;
}

const std::string& predictor::predictor_path() const {
    static const std::string self = "self";
    return path().empty() ? self : path();
}

signature with_parameters(signature s, const predictor_parameters& p) {
    if (p.instructions) s.instructions = *p.instructions;
    for (auto* fields : {&s.inputs, &s.outputs})
        for (auto& f : *fields) {
            if (auto d = p.descriptions.find(f.name); d != p.descriptions.end()) f.description = d->second;
            if (auto x = p.prefixes.find(f.name); x != p.prefixes.end()) f.prefix = x->second;
        }
    return s;
}

reagent::signature predictor::signature_with(const predictor_parameters& p) const {
    auto s = with_parameters(signature_, p);
    const auto standing = standing_with(&p);
    if (standing.text.empty() || s.instructions.ends_with(standing.text)) return s;
    if (s.instructions.ends_with(standing_.text)) s.instructions.resize(s.instructions.size() - standing_.text.size());
    bool there = !standing.signs.empty();
    for (const auto& sign : standing.signs) there = there && s.instructions.find(sign) != s.instructions.npos;
    if (!there) s.instructions += standing.text;
    return s;
}

// What stands behind the instructions holds words of others: names and values of a database in descriptions of tools.
// Markers in them are escaped where they are made; tags only where there are any.
reagent::signature predictor::shown_in(adapter a, reagent::signature s, const standing_text& standing) const {
    if (a != adapter::xml || standing.text.empty()) return s;
    std::size_t own = s.instructions.ends_with(standing.text) ? s.instructions.size() - standing.text.size() : 0;
    s.instructions = s.instructions.substr(0, own) + detail::escape_xml_text(s.instructions.substr(own));
    return s;
}

void predictor::check_inputs(const json::object& inputs) const {
    for (const auto& f : signature_.inputs)
        if (!inputs.contains(f.name) && !is_history(f))
            throw signature_error{signature_errc::missing_input,
                                  "input `" + f.name + "` of \"" + signature_.text() + "\" is missing", 0,
                                  "pass \"" + f.name + "\"_f = ..."};
    for (const auto& [name, v] : inputs) {
        if (signature_.input(name)) continue;
        std::vector<std::string> names;
        for (const auto& f : signature_.inputs) names.push_back(f.name);
        auto near = did_you_mean(name, names);
        throw signature_error{signature_errc::unknown_field,
                              "\"" + signature_.text() + "\" has no input `" + std::string{name} + "`", 0,
                              near.empty() ? "" : "did you mean `" + near + "`?"};
    }
}

std::shared_ptr<const prompt_template> predictor::prompt_for(run& r, adapter a) const {
    const auto* p = r.parameters() ? r.parameters()->find(predictor_path()) : nullptr;
    if (p) {
        auto make = [&] {
            return std::make_shared<const prompt_template>(a, shown_in(a, signature_with(*p), standing_with(p)),
                                                           p->demos);
        };
        return r.prompt(predictor_path() + '\n' + std::string{to_string(a)}, make);
    }
    std::lock_guard lock{mutex_};
    auto& slot = prompts_[static_cast<std::size_t>(a)];
    if (!slot) slot = std::make_shared<const prompt_template>(a, shown_in(a, signature_, standing_));
    return slot;
}

std::string detail::no_answer(const lm_response& r) {
    const std::string told = r.finish_words.empty() ? std::string{} : ": " + escape_markers(r.finish_words);
    switch (r.finish) {
        case finish_reason::length:
            return "it was cut off by the limit of tokens, and nothing is taken from a part of an answer";
        case finish_reason::error: return "the provider failed while it was written" + told;
        case finish_reason::malformed_call:
            return "it is a call of a tool that cannot be read: it is torn or missing, or its id stands for another "
                   "one too";
        case finish_reason::other: return "it ended for a reason that is not known" + told;
        case finish_reason::content_filter: return "the provider's content filter withheld it, or a part of it";
        case finish_reason::stop:
        case finish_reason::tool_calls: break;
    }
    if (r.finish == finish_reason::tool_calls && r.tool_calls.empty())
        return "it ends with calls of tools, and holds none";
    return trim(r.text).empty() && r.tool_calls.empty() ? "it is empty" : "";
}

bool detail::could_not_be_read(const lm_error& e) {
    if (e.code() == lm_errc::malformed_response) return true;
    if (e.code() != lm_errc::invalid_request && e.code() != lm_errc::server_error) return false;
    const std::string_view what = e.what();
    for (std::string_view words : {"an answer that the provider could not read", "tool_use_failed",
                                   "Failed to call a function", "does not match the expected"})
        if (what.find(words) != what.npos) return true;
    return false;
}

std::optional<std::uint64_t> detail::max_tokens_of(const run& r, const predictor_parameters* own) {
    sampling s = own ? own->sampling : sampling{};
    if (const auto* v = r.current_variation()) s = v->sampling.or_else(s);
    return s.or_else(r.options().sampling).max_tokens;
}

std::optional<std::uint64_t> detail::more_tokens(std::optional<std::uint64_t> limit) {
    constexpr std::uint64_t most = 131'072;
    if (!limit || *limit >= most) return {};
    return std::min(*limit * 2, most);
}

namespace {

// A value that takes at most about so many bytes of a prompt: a longer one is the beginning of its text.
json::value shortened(const json::value& v, std::size_t bytes) {
    if (v.is_string()) return json::value(json::string(cut(std::string{std::string_view{v.get_string()}}, bytes)));
    if (!v.is_structured()) return v;
    std::string text = dump_json(v);
    return text.size() <= bytes ? v : json::value(json::string(cut(std::move(text), bytes)));
}

// What a call is told besides its inputs: what earlier attempts at it did wrong, and advice.
further_fields with_feedback(further_fields past, const run::begun_call& call) {
    if (call.earlier) {
        std::size_t n = 0;
        for (const auto& f : *call.earlier) {
            std::string number = std::to_string(n++);
            for (const auto& [name, value] : f.outputs)
                past.emplace_back("past_" + std::string{name} + "_" + number, shortened(value, 20'000));
            past.emplace_back("feedback_" + number, "This earlier answer was not accepted: " + f.message);
        }
    }
    if (!call.advice.empty()) past.emplace_back("advice", call.advice);
    return past;
}

std::string listed(const std::vector<violation>& violations) {
    if (violations.size() == 1) return violations[0].path + ": " + violations[0].message;
    std::string text;
    for (const auto& v : violations) text += "\n- " + v.path + ": " + v.message;
    return text;
}

// Servers that do not know `response_format` refuse the request: then it goes without.
task<std::shared_ptr<const lm_response>> call_structured(run& r, const std::string& path, language_model model,
                                                         lm_request request,
                                                         std::function<void(const lm_event&)> on_event) {
    lm_request plain = request;
    plain.outputs_schema.reset();
    std::shared_ptr<const lm_response> response;
    try {
        response = co_await r.call_model(path, model, std::move(request), on_event);
    } catch (const lm_error& e) {
        if (e.code() != lm_errc::invalid_request) throw;
    }
    if (!response) response = co_await r.call_model(path, model, std::move(plain), on_event);
    co_return response;
}

bool is_structural(adapter_errc code) { return code != adapter_errc::bad_value; }

}  // namespace

// One call of a predictor, which may take several of the model. On the heap, and what it does between two waits in
// functions: a coroutine's frame of more than a kilobyte is allocated anew each time.
struct predictor::conversation {
    const predictor& self;
    run& r;
    json::object inputs;
    call_options options;
    const std::string& path;
    const predictor_parameters* own;
    language_model model;
    run::begun_call begun;
    further_fields past;
    recorded_text trajectory;

    std::shared_ptr<const prompt_template> prompt{};
    adapter format{};
    std::vector<rejected_completion> rejected{};
    std::vector<bool> sent_back{};  // of those, in order
    bool is_full = false;           // the context has no room for them
    std::string remark{};           // on what is done next, where that is not what `last` says
    parse_failure last{};
    std::optional<parse_failure> worth_telling{};  // of all: the last that was wrong with a value, not with the format
    bool was_read = false;                         // the last of them: it was an answer, and a wrong one
    std::optional<std::uint64_t> room{};           // tokens, where an answer was cut off for lack of them

    std::vector<json::object> chosen{};                           // by a selector, for this call
    std::shared_ptr<std::map<std::string, std::string>> shown{};  // of the outputs, while the answer was written
    std::vector<std::vector<json::value>> thought{};  // of the rejected, in order: goes back with them, unchanged

    void speak(adapter a) {
        format = a == adapter::chat && has_output_completed() ? adapter::json : a;
        prompt = own && own->selector
                     ? std::make_shared<const prompt_template>(
                           format, self.shown_in(format, self.signature_with(*own), self.standing_with(own)), chosen)
                     : self.prompt_for(r, format);
    }

    // Between markers such a field cannot be told from the end of an answer.
    bool has_output_completed() const {
        const auto& outputs = self.signature_.outputs;
        return std::any_of(outputs.begin(), outputs.end(), [](const auto& f) { return f.name == "completed"; });
    }

    lm_request request() const {
        lm_request q;
        q.messages = prompt->messages(inputs, options.history, past,
                                      options.steps ? options.steps->text(format) : std::string_view{});
        for (std::size_t i = 0; i < rejected.size(); ++i) {
            const auto& a = rejected[i];
            if (sent_back[i]) {
                q.messages.push_back({role::assistant, cut(a.completion, 20'000)});
                q.messages.back().reasoning_blocks = thought[i];
                q.messages.push_back({role::user, complaint(a)});
            } else  // no server takes an empty turn, or all two of one side in a row
                q.messages.back().content += "\n\n" + complaint(a);
        }
        if (own) q.sampling = own->sampling;
        if (room) q.sampling.max_tokens = room;
        if (is_structured()) q.outputs_schema = outputs_schema(prompt->signature());
        return q;
    }

    std::size_t retries() const { return options.max_retries.value_or(r.options().max_retries); }

    task<std::shared_ptr<const lm_response>> ask() {
        auto on_event = watch();
        if (is_structured()) return call_structured(r, path, model, request(), std::move(on_event));
        std::function<lm_request()> make = [this] { return request(); };
        std::function<std::string()> fingerprint = [this] { return this->fingerprint(); };
        return r.call_model(path, model, std::move(make), std::move(fingerprint), std::move(on_event));
    }

    // The outputs of a response; none where it is to be asked again. @throws parse_error where that was done often
    // enough
    std::optional<json::object> outputs_of(const lm_response& response) {
        auto outputs = read(response);
        if (!outputs) {
            if (rejected.size() > retries()) give_up();
            return {};
        }
        correct_what_was_shown(*outputs);
        r.finish_call(self, begun, std::move(inputs), *outputs, std::move(trajectory));
        return outputs;
    }

    // Before the model is asked again.
    void again() {
        const std::string said = remark.empty() ? last.message : std::exchange(remark, {});
        r.notify({.kind = run_event::note, .path = path, .error = said});
        if (r.options().stream) r.notify({.kind = run_event::restart, .path = path});
        if (was_read && format != adapter::json && r.options().json_fallback) speak(adapter::json);
    }

    bool is_structured() const { return format == adapter::json && model && model.backend()->has_structured_output(); }

    std::string fingerprint() const {
        return options.steps && rejected.empty() ? options.steps->fingerprint(prompt, inputs, options.history, past)
                                                 : std::string{};
    }

    std::string complaint(const rejected_completion& a) const {
        std::vector<violation> violations;
        for (const auto& [where, what] : a.violations) violations.push_back({where, what});
        std::string_view how = format == adapter::json  ? "with nothing but the JSON object"
                               : format == adapter::xml ? "with every output in its element"
                                                        : "with every output under its marker";
        // What is wrong may quote what was written.
        return "That answer is not accepted: " + escape_for(format, cut(listed(violations), 4'000)) +
               "\nAnswer again, " + std::string{how} + ".";
    }

    void refuse(const lm_response& response, std::string why) {
        was_read = false;
        std::string advice;
        if (response.finish == finish_reason::length) {
            auto limit = room ? room : detail::max_tokens_of(r, own);
            why += limit ? " (max_tokens is " + std::to_string(*limit) + ")" : "";
            advice =
                "; raise max_tokens of the run's or the model's sampling (reagent ask --max-tokens), or ask for less";
            if (auto more = detail::more_tokens(limit)) room = more;
        }
        last = {adapter_errc::no_fields, {}, why + advice, {}};
        if (response.finish == finish_reason::length) why += "; write all of it, and less";
        rejected.push_back({response.text, {{"$", why}}});
        sent_back.push_back(!is_full && response.finish == finish_reason::length && !trim(response.text).empty());
        thought.emplace_back();  // it may be cut off as well
    }

    // What becomes of an error, which is being handled: another attempt, or it is thrown on.
    void failed(const lm_error& e) {
        if (room && e.code() == lm_errc::invalid_request) {
            last.message += "; the provider refuses max_tokens " + std::to_string(*room);
            give_up();
        }
        if (e.code() == lm_errc::context_length && !rejected.empty()) return make_room(e);
        if (!detail::could_not_be_read(e)) throw;
        was_read = false;
        last = {adapter_errc::no_fields, {}, e.what(), {}};
        rejected.push_back({{}, {{"$", "it could not be read by the server"}}});  // whose words are for people
        sent_back.push_back(false);
        thought.emplace_back();
        if (rejected.size() > retries()) throw;
    }

    // The complaints stay, without the answers that they are about.
    void make_room(const lm_error& e) {
        if (std::find(sent_back.begin(), sent_back.end(), true) == sent_back.end())
            throw lm_error{e.code(), std::string{e.what()} + "; the attempt before: " + last.message, e.details()};
        is_full = true;
        sent_back.assign(sent_back.size(), false);
        remark = "the context is too long; the answers that were not accepted are left out of the prompt";
    }

    // Tells what the outputs grow by, while they are written.
    std::function<void(const lm_event&)> watch() {
        shown.reset();
        if (!r.options().stream || !r.options().on_event) return {};
        shown = std::make_shared<std::map<std::string, std::string>>();
        auto fields = std::make_shared<field_stream>(format, prompt->signature());
        return [&r = r, &path = path, fields, all = shown](const lm_event& e) {
            if (e.kind == lm_event::reasoning) r.notify({.kind = run_event::piece, .path = path, .text = e.text_piece});
            if (e.kind != lm_event::text && e.kind != lm_event::end) return;
            for (const auto& p : e.kind == lm_event::end ? fields->finish() : fields->feed(e.text_piece)) {
                (*all)[p.field] += p.text;
                r.notify({.kind = run_event::piece, .path = path, .field = p.field, .text = p.text});
            }
        };
    }

    // What was shown while it was written may not be what was read: of several blocks the last counts, and JSON is
    // repaired.
    void correct_what_was_shown(const json::object& outputs) const {
        if (!shown || shown->empty()) return;
        bool wrong = false;
        for (const auto& [name, text] : *shown) {
            const auto* f = prompt->signature().output(name);
            if (!f || !outputs.contains(name)) continue;
            auto read = read_field(*f, json::value(json::string(text)));
            wrong = wrong || !read || *read != outputs.at(name);
        }
        if (!wrong) return;
        r.notify({.kind = run_event::restart, .path = path, .error = "the answer as it was read:"});
        for (const auto& f : prompt->signature().outputs)
            if (const auto* v = outputs.if_contains(f.name); v && !v->is_null())
                r.notify({.kind = run_event::piece, .path = path, .field = f.name, .text = format_value(f, *v)});
    }

    // The outputs of a completion, when nothing is wrong with them; else that is noted.
    std::optional<json::object> read(const lm_response& response) {
        if (response.finish == finish_reason::content_filter)
            throw lm_error{lm_errc::content_filter,
                           "no answer for \"" + prompt->signature().text() + "\": " + detail::no_answer(response),
                           {.request_id = response.request_id}};
        std::string why = detail::no_answer(response);
        if (why.empty() && trim(response.text).empty()) why = "it is a call of a tool, and none was asked for";
        if (!why.empty()) {
            refuse(response, std::move(why));
            return {};
        }
        was_read = true;
        auto outputs = parse(format, prompt->signature(), response.text);
        if (!outputs && is_structural(outputs.error().code) && format != r.options().adapter) {
            // Asked for JSON, many a model goes on in the format in which it began.
            if (auto as_before = parse(r.options().adapter, prompt->signature(), response.text))
                outputs = std::move(as_before);
        }
        if (outputs) {
            std::vector<violation> refused;
            if (options.accept) refused = options.accept(*outputs);
            if (refused.empty()) return std::move(*outputs);
            last = {adapter_errc::bad_value, refused.front().path, {}, std::move(refused)};
            for (const auto& v : last.violations)
                last.message += (last.message.empty() ? "" : "; ") + v.path + ": " + v.message;
        } else
            last = outputs.error();
        if (!is_structural(last.code)) worth_telling = last;
        rejected_completion a{response.text, {}};
        if (last.violations.empty() || is_structural(last.code))
            a.violations.emplace_back("$", last.message);
        else
            for (const auto& v : last.violations) a.violations.emplace_back(v.path, v.message);
        rejected.push_back(std::move(a));
        sent_back.push_back(!is_full);
        thought.push_back(response.reasoning_blocks);
        return {};
    }

    [[noreturn]] void give_up() {
        std::string tries =
            rejected.size() > 1 ? " (the last of " + std::to_string(rejected.size()) + " attempts)" : "";
        std::string completion = rejected.back().completion, what = last.message;
        if (worth_telling && is_structural(last.code)) {
            what = worth_telling->message + "; the last attempt: " + what;
            last.code = worth_telling->code, last.field = worth_telling->field;
        }
        throw parse_error{
            last.code, "the completion for \"" + prompt->signature().text() + "\" cannot be used" + tries + ": " + what,
            last.field, std::move(completion), std::move(rejected)};
    }
};

std::unique_ptr<predictor::conversation> predictor::begin(run& r, json::object inputs, call_options options) const {
    check_inputs(inputs);
    const std::string& path = predictor_path();
    r.take_path(path, signature_, alive_);
    auto begun = r.begin_call(path);
    r.mark_private(path, signature_, inputs);
    const auto* own = r.parameters() ? r.parameters()->find(path) : nullptr;
    recorded_text trajectory =
        options.steps ? options.steps->trajectory() : recorded_text{format_further(adapter::chat, options.past)};
    language_model model = options.lm ? options.lm : own && own->lm ? own->lm : r.options().lm;
    auto past = with_feedback(std::move(options.past), begun);
    return std::unique_ptr<conversation>{new conversation{*this, r, std::move(inputs), std::move(options), path, own,
                                                          std::move(model), std::move(begun), std::move(past),
                                                          std::move(trajectory)}};
}

task<json::object> predictor::call(run& r, json::object inputs, call_options options) const {
    const auto c = begin(r, std::move(inputs), std::move(options));
    if (c->own && c->own->selector) c->chosen = co_await c->own->selector->select(r, c->path, c->inputs);
    c->speak(r.options().adapter);
    for (;;) {
        std::shared_ptr<const lm_response> response;
        try {
            response = co_await c->ask();
        } catch (const lm_error& e) {
            c->failed(e);
        }
        if (response)
            if (auto outputs = c->outputs_of(*response)) co_return std::move(*outputs);
        c->again();
    }
}

bool module::is_or_contains(const program_part* other) const {
    if (this == other) return true;
    return std::any_of(children_.begin(), children_.end(),
                       [&](const module* child) { return child->is_or_contains(other); });
}

bool module::covers(std::string_view predictor_path) const {
    return !path_.empty() && predictor_path.starts_with(path_) &&
           (predictor_path.size() == path_.size() || predictor_path[path_.size()] == '.');
}

}  // namespace reagent
