#include <reagent/tools/registry.hpp>

#include <reagent/deadline.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <cmath>

namespace reagent {

namespace detail {
std::string valid_utf8(std::string text);  // the SDK's
}

namespace {

// What a tool brings may be in any encoding: bytes that are no UTF-8 are shown as U+FFFD before they enter a request or a journal.
json::value legible(json::value v) {
    if (v.is_string()) return json::value(json::string(detail::valid_utf8(std::string{std::string_view{v.get_string()}})));
    if (v.is_array())
        for (auto& item : v.get_array()) item = legible(std::move(item));
    if (v.is_object()) {
        json::object o;
        for (auto& [key, item] : v.get_object()) o[detail::valid_utf8(std::string{std::string_view{key}})] = legible(std::move(item));
        return o;
    }
    return v;
}

task<json::value> legible_result(task<json::value> work) {
    json::value v = co_await std::move(work);
    co_return legible(std::move(v));
}

struct timed_out : std::runtime_error {
    using runtime_error::runtime_error;
};

std::string seconds(std::chrono::milliseconds t) {
    return t.count() % 1000 == 0 ? std::to_string(t.count() / 1000) + " s" : std::to_string(t.count()) + " ms";
}

std::string one_line(const std::vector<violation>& violations) {
    std::string text;
    for (const auto& v : violations)
        text += (text.empty() ? "" : "; ") + (v.path == "$" ? "" : v.path.substr(v.path.starts_with("$.") ? 2 : 1) + " ") + v.message;
    return text;
}

std::string cut_bytes(std::string s, std::size_t limit) {
    while (limit > 0 && limit < s.size() && (static_cast<unsigned char>(s[limit]) & 0xC0) == 0x80) --limit;
    if (limit < s.size()) s.resize(limit);
    return s;
}

std::string describe_kind(const json::value& v) { return reagent::describe(v); }

observation failure(std::string text) { return {json::value(json::string(text)), true}; }

// A result that is too long is shown in part; the model is told how much is missing.
json::value limited(json::value v, std::size_t limit) {
    std::string text = v.is_structured() ? dump_json(v) : python_str(v);
    if (text.size() <= limit) return v;
    auto all = text.size();
    return json::value(json::string(cut_bytes(std::move(text), limit) + "\n[cut here: " + std::to_string(limit) + " of " +
                                    std::to_string(all) + " bytes are shown; ask for less, or for another part]"));
}

task<approval_decision> decided_by(const tools::approval& who, run& r, const tool& t, const json::object& arguments) {
    approval_decision d;
    d.approved = co_await who(r, t, arguments);
    co_return d;
}

task<approval_decision> nobody_decides() {
    approval_decision d;
    d.reason = "nobody is there to approve it";
    co_return d;
}

// Whether other parts of a schema may name arguments that its `properties` do not.
bool names_elsewhere(const json::object& schema) {
    for (const char* key : {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "dependencies"})
        if (schema.contains(key)) return true;
    return false;
}

}  // namespace

// --- tool ----------------------------------------------------------------------------------------------------------

tool::tool(std::string name, std::string description, json::object parameters, function call, tool_options options, bool takes_rest,
           bool uses_run)
    : tool{std::move(name), std::move(description), std::move(parameters), {}, std::move(call), options, takes_rest, uses_run} {}

tool::tool(std::string name, std::string description, json::object parameters, json::object checked, function call, tool_options options,
           bool takes_rest, bool uses_run) {
    bool good = !name.empty() && name.size() <= 64;
    for (char c : name) good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    if (!good) throw tool_error{tool_errc::bad_name, "\"" + name + "\" cannot name a tool; use 1 to 64 letters, digits, `_` and `-`"};
    if (checked.empty()) checked = takes_rest ? json::object{{"type", "object"}} : parameters;
    if (takes_rest)
        checked["additionalProperties"] = true;
    else if (!checked.contains("additionalProperties") && !checked.contains("unevaluatedProperties") && checked.contains("properties"))
        checked[names_elsewhere(checked) ? "unevaluatedProperties" : "additionalProperties"] = false;
    data_ = std::make_shared<const data>(data{std::move(name),
                                              std::move(description),
                                              std::move(parameters),
                                              schema{json::value(checked), {.assert_formats = true}},
                                              std::move(call),
                                              options,
                                              uses_run,
                                              checked,
                                              {}});
}

const json::object& tool::edit_schema() const { return data_->edit_schema; }

std::string tool::wrong_edit(const json::object& arguments) const {
    auto read = read_arguments(json::value(arguments));
    if (!read.ok() || !read.value.is_object()) return one_line(read.violations);
    return data_->convert_edit ? data_->convert_edit(read.value.get_object()) : "";
}

tool tool::with_edit_check(json::object schema, std::function<std::string(const json::object&)> convert) const {
    tool checked = *this;
    auto changed = std::make_shared<data>(*data_);
    for (const auto& [key, v] : data_->edit_schema)  // what else of it is checked
        if (!schema.contains(key)) schema[key] = v;
    changed->edit_schema = std::move(schema);
    changed->convert_edit = std::move(convert);
    checked.data_ = std::move(changed);
    return checked;
}

tool tool::with_private_arguments(std::set<std::string> names) const {
    tool marked = *this;
    auto changed = std::make_shared<data>(*data_);
    changed->private_arguments = std::move(names);
    marked.data_ = std::move(changed);
    return marked;
}

tool tool::with_flow(flow_flags f) const {
    tool declared = *this;
    auto changed = std::make_shared<data>(*data_);
    changed->options.flow = f;
    declared.data_ = std::move(changed);
    return declared;
}

namespace {

// Arguments with lists and objects that were written as their JSON text in their place, where the text does not fit and they do.
std::optional<json::value> without_double_encoding(const schema& check, const json::object& properties, const json::value& arguments) {
    json::value changed = arguments;
    bool any = false;
    for (auto& [name, v] : changed.get_object()) {
        auto* s = properties.if_contains(name);
        if (!s || !v.is_string() || schema{*s}.validate(v).empty()) continue;
        if (!parse_json(v.get_string())) continue;
        auto inner = read_unambiguous_json(v.get_string());
        if (!inner.value || !inner.value->is_structured()) continue;
        v = std::move(*inner.value);
        any = true;
    }
    if (!any || !check.read(changed, reading::strict).ok()) return {};
    return changed;
}

}  // namespace

namespace {

// JSON has no infinity. A number that no double holds becomes one where any value may stand, and is refused everywhere else.
void find_infinities(const json::value& v, const std::string& path, std::vector<violation>& found) {
    if (v.is_double() && !std::isfinite(v.get_double()))
        found.push_back({path, "expected a number that a double holds, got " + describe(v)});
    else if (v.is_array())
        for (std::size_t i = 0; i < v.get_array().size(); ++i)
            find_infinities(v.get_array()[i], path + "[" + std::to_string(i) + "]", found);
    else if (v.is_object())
        for (const auto& [name, item] : v.get_object()) find_infinities(item, path + "." + std::string{name}, found);
}

}  // namespace

schema::outcome tool::read_arguments(const json::value& arguments) const {
    auto read = data_->check.read(arguments, reading::strict);
    const auto* known = data_->parameters.if_contains("properties");
    if (!read.ok() && arguments.is_object() && known && known->is_object() && !data_->parameters.contains("$defs"))
        if (auto meant = without_double_encoding(data_->check, known->get_object(), arguments))
            read = data_->check.read(*meant, reading::strict);
    if (read.ok()) find_infinities(read.value, "$", read.violations);
    if (!read.ok() || !read.value.is_object()) return read;
    // Strict reading changes nothing; defaults are filled in here.
    if (auto* properties = data_->parameters.if_contains("properties"); properties && properties->is_object())
        for (const auto& [name, s] : properties->get_object())
            if (s.is_object() && !read.value.get_object().contains(name))
                if (auto* fallback = s.get_object().if_contains("default")) read.value.get_object()[name] = *fallback;
    return read;
}

void detail::add_range(json::value& s, double least, double most) {
    auto& o = s.get_object();
    auto bound = [&](const char* key, double limit, bool tighter) {
        if (auto* own = o.if_contains(key); own && own->is_number() && tighter) return;
        o[key] = limit;
    };
    auto own = [&](const char* key, double otherwise) {
        auto* v = o.if_contains(key);
        return v && v->is_number() ? v->to_number<double>() : otherwise;
    };
    bound("minimum", least, own("minimum", least) >= least);
    bound("maximum", most, own("maximum", most) <= most);
}

void detail::add_argument(json::object& parameters, const argument& a, json::value s, bool optional) {
    bool good = !a.name.empty();
    for (char c : a.name) good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    if (!good) throw tool_error{tool_errc::bad_argument_name, "\"" + a.name + "\" cannot name an argument; use letters, digits and `_`"};
    if (parameters["properties"].as_object().contains(a.name))
        throw tool_error{tool_errc::bad_argument_name, "two arguments of a tool are called \"" + a.name + "\""};
    if (!s.is_object()) s.emplace_object();
    auto& o = s.get_object();
    if (auto* definitions = o.if_contains("$defs"); definitions && definitions->is_object()) {
        json::object copy = definitions->get_object();
        if (!parameters.contains("$defs")) parameters["$defs"] = json::object{};
        for (auto& [name, d] : copy) parameters["$defs"].as_object()[name] = d;
        o.stable_erase("$defs");
    }
    if (!a.description.empty()) o["description"] = a.description;
    if (a.fallback) {
        if (auto wrong = schema{s, {.assert_formats = true}}.validate(*a.fallback); !wrong.empty())
            throw tool_error{tool_errc::bad_argument_name,
                             "the fallback of argument \"" + a.name + "\" does not fit its type: " + one_line(wrong)};
        o["default"] = *a.fallback;
    } else if (optional)
        o["default"] = nullptr;
    if (!a.fallback && !optional) {
        if (!parameters.contains("required")) parameters["required"] = json::array{};
        parameters["required"].as_array().emplace_back(a.name);
    }
    parameters["properties"].as_object()[a.name] = std::move(s);
}

void detail::throw_argument_count(const std::string& tool, std::size_t parameters, std::size_t names) {
    throw tool_error{tool_errc::bad_argument_name, "the function of tool \"" + tool + "\" takes " + std::to_string(parameters) +
                                                       " arguments, but " + std::to_string(names) +
                                                       " names are given; name every parameter, as in {\"a\", \"b\"}"};
}

task<json::value> detail::as_json(task<json::value> t) { return t; }

// --- registry ------------------------------------------------------------------------------------------------------

std::string observation::text() const { return value.is_structured() ? dump_json(value) : python_str(value); }

tools::tools(std::initializer_list<tool> all) {
    for (const auto& t : all) add(t);
}

tools& tools::add(tool t) {
    if (find(t.name())) throw tool_error{tool_errc::duplicate_name, "there is a tool called \"" + t.name() + "\" already"};
    all_.push_back(std::move(t));
    return *this;
}

tools& tools::on_approval(approval a) {
    approve_ = std::move(a);
    return *this;
}

const tool* tools::find(std::string_view name) const {
    for (const auto& t : all_)
        if (t.name() == name) return &t;
    return nullptr;
}

std::vector<tool_description> tools::describe() const {
    std::vector<tool_description> list;
    for (const auto& t : all_) list.push_back({t.name(), t.description(), t.parameters()});
    return list;
}

namespace {

flow_flags flags_of(const run& r, const tool& t) { return r.options().flow.flags_of(t.name(), t.options().flow, t.options().read_only); }

// Whether somebody has to be asked, where the journal has the answer, and why.
run::flow_question question(run& r, const std::string& path, const tool& t, const json::object& given) {
    if (!t.options().destructive) return r.question_flow(path, t.name(), flags_of(r, t), json::value(given));
    std::string met = r.flow().text();
    return {true, path, "it may destroy something" + (met.empty() ? "" : "; this run has read " + met)};
}

}  // namespace

void tools::announce(run& r, const std::vector<std::string>& names) const {
    r.meet({}, {});
    for (const auto& name : names)
        if (const tool* t = find(name)) r.meet(flags_of(r, *t), name);
}

void tools::shown(run& r) const {
    for (const auto& t : all_) r.mark_private(t.private_arguments());
    for (const auto& t : all_)
        if (t.options().described_flow.any()) r.meet(t.options().described_flow, t.name(), "its description");
}

task<observation> tools::call(run& r, std::string path, std::string name, json::value arguments) const {
    const tool* found = find(name);
    if (!found) {
        std::vector<std::string> names;
        for (const auto& t : all_) names.push_back(t.name());
        std::string list;
        for (const auto& n : names) list += (list.empty() ? "" : ", ") + n;
        auto near = did_you_mean(name, names);
        co_return failure("Error: there is no tool `" + name + "`" + (near.empty() ? "" : " (did you mean `" + near + "`?)") +
                          ". The tools are: " + list + ".");
    }
    const tool t = *found;  // keeps the function alive while it runs
    r.mark_private(t.private_arguments());
    auto read = t.read_arguments(arguments);
    if (!read.ok())
        co_return failure("Error: `" + name + "` was not called, its arguments are wrong: " + one_line(read.violations) +
                          ". Call it again with arguments that fit " + dump_json(t.parameters()) + ".");
    if (!read.value.is_object())
        co_return failure("Error: `" + name + "` was not called: its arguments must be a JSON object, got " + describe_kind(read.value) +
                          ".");

    if (auto deep = too_deep(read.value); !deep.empty())
        co_return failure("Error: `" + name + "` was not called: what it was given " + deep + ".");

    json::object given = read.value.get_object();
    std::optional<json::object> instead;
    const run::flow_question asked = question(r, path, t, given);
    if (asked.asks) {
        // What the model is told is the same whenever the call is considered again.
        const bool for_the_flow = !t.options().destructive;
        const std::string told = for_the_flow ? asked.why : "it may destroy something";
        const bool nobody = !approve_ && !r.can_await_approval(asked.path);
        std::function<task<approval_decision>()> ask;
        if (approve_) ask = [&]() { return decided_by(approve_, r, t, given); };
        if (nobody) ask = nobody_decides;  // recorded, so that a replay need not know what the run had met by then
        const std::function<std::string(const json::object&)> wrong = [t](const json::object& edited) { return t.wrong_edit(edited); };
        approval_decision decision =
            co_await r.ask_approval(asked.path, name, json::value(given), json::value(t.edit_schema()), ask, asked.why, wrong);
        if (!decision.approved)
            co_return failure("Error: `" + name + "` was not called: " + told + ", and the call was refused" +
                              (decision.reason.empty() ? "" : ": " + decision.reason) +
                              ". Find another way, or finish and say what you would have done.");
        if (decision.arguments) {
            auto edited = t.read_arguments(json::value(*decision.arguments));
            if (!edited.ok() || !edited.value.is_object())
                co_return failure("Error: `" + name + "` was not called: the arguments that whoever approved it gave are wrong: " +
                                  one_line(edited.violations) + ".");
            given = edited.value.get_object();
            instead = given;
        }
    }

    auto timeout = t.options().timeout;
    std::optional<run> inside;
    std::function<task<json::value>()> effect = [&]() -> task<json::value> {
        auto work = [&] {
            if (!t.uses_run()) return t.call(r, given);
            run& own = inside.emplace(r.branch_of_tool());
            return detail::attempts<json::value>(own, [&t, &own, &given] { return t.call(own, given); });
        }();
        return with_deadline(legible_result(std::move(work)), deadline_after(timeout),
                             [timeout] { return timed_out{"it did not finish within " + seconds(timeout)}; });
    };
    std::string problem;
    try {
        const flow_flags flags = flags_of(r, t);
        // What sends something outside is not made again unasked, though it changes nothing that it knows of.
        const tool_call_traits traits{t.options().idempotent, t.options().read_only && !flags.acts, t.uses_run(), flags};
        json::value result = co_await r.call_tool(std::move(path), name, json::value(given), effect, traits);
        co_return observation{limited(std::move(result), t.options().max_result_bytes), false, std::move(instead)};
    } catch (const run_error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        problem = detail::valid_utf8(e.what());
    } catch (const std::exception& e) {
        problem = detail::valid_utf8(e.what());
    }
    while (problem.ends_with('.') || problem.ends_with('\n')) problem.pop_back();
    observation failed = failure(cut_bytes("Error: `" + name + "` failed: " + problem, t.options().max_result_bytes) +
                                 ". Change the arguments, use another tool, or finish with what you know.");
    failed.arguments = std::move(instead);
    co_return failed;
}

}  // namespace reagent
