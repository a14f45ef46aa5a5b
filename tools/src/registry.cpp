#include <reagent/tools/registry.hpp>

#include <reagent/deadline.hpp>
#include <reagent/schema/render.hpp>

#include "one_line.hpp"

#include <boost/json.hpp>

namespace reagent {

namespace detail {
std::string valid_utf8(std::string text);  // the SDK's
}

namespace {

// What a tool brings may be in any encoding: bytes that are no UTF-8 are shown as U+FFFD before they enter a request or
// a journal.
json::value legible(json::value v) {
    if (v.is_string())
        return json::value(json::string(detail::valid_utf8(std::string{std::string_view{v.get_string()}})));
    if (v.is_array())
        for (auto& item : v.get_array()) item = legible(std::move(item));
    if (v.is_object()) {
        json::object o;
        for (auto& [key, item] : v.get_object())
            o[detail::valid_utf8(std::string{std::string_view{key}})] = legible(std::move(item));
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

std::string cut_bytes(std::string s, std::size_t limit) {
    while (limit > 0 && limit < s.size() && (static_cast<unsigned char>(s[limit]) & 0xC0) == 0x80) --limit;
    if (limit < s.size()) s.resize(limit);
    return s;
}

observation failure(std::string text) { return {json::value(json::string(text)), true}; }

// A result that is too long is shown in part; the model is told how much is missing.
json::value limited(json::value v, std::size_t limit) {
    std::string text = v.is_structured() ? dump_json(v) : python_str(v);
    if (text.size() <= limit) return v;
    auto all = text.size();
    return json::value(json::string(cut_bytes(std::move(text), limit) + "\n[cut here: " + std::to_string(limit) +
                                    " of " + std::to_string(all) +
                                    " bytes are shown; ask for less, or for another part]"));
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

}  // namespace

std::string observation::text() const { return value.is_structured() ? dump_json(value) : python_str(value); }

tools::tools(std::initializer_list<tool> all) {
    for (const auto& t : all) add(t);
}

tools& tools::add(tool t) {
    if (find(t.name()))
        throw tool_error{tool_errc::duplicate_name, "there is a tool called \"" + t.name() + "\" already"};
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

flow_flags flags_of(const run& r, const tool& t) {
    return r.options().flow.flags_of(t.name(), t.options().flow, t.options().read_only);
}

// Whether somebody has to be asked, where the journal has the answer, and why.
run::flow_question question(run& r, const std::string& path, const tool& t, const json::object& given) {
    // Only a policy of one's own looks at the arguments.
    const json::value shown = r.options().flow.needs_consent ? json::value(given) : json::value{};
    if (!t.options().destructive) return r.question_flow(path, t.name(), flags_of(r, t), shown);
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

namespace {

observation not_called(const std::string& name, const std::string& why) {
    return failure("Error: `" + name + "` was not called" + why);
}

observation no_such_tool(const std::string& name, const std::vector<tool>& all) {
    std::vector<std::string> names;
    std::string list;
    for (const auto& t : all) {
        names.push_back(t.name());
        list += (list.empty() ? "" : ", ") + t.name();
    }
    auto near = did_you_mean(name, names);
    return failure("Error: there is no tool `" + name + "`" + (near.empty() ? "" : " (did you mean `" + near + "`?)") +
                   ". The tools are: " + list + ".");
}

// Why a tool is not called with these arguments; "" where it is.
std::string objection(const tool& t, const schema::outcome& read) {
    if (!read.ok())
        return ", its arguments are wrong: " + one_line(read.violations) + ". Call it again with arguments that fit " +
               dump_json(t.parameters()) + ".";
    if (!read.value.is_object()) return ": its arguments must be a JSON object, got " + describe(read.value) + ".";
    if (auto deep = too_deep(read.value); !deep.empty()) return ": what it was given " + deep + ".";
    return {};
}

// What somebody who was asked says to a call.
struct consent {
    std::string objection{};                  // why it is not made; "" where it is
    std::optional<json::object> arguments{};  // to make it with instead
};

task<consent> consent_to(run& r, const tool& t, const json::object& given, const run::flow_question& asked,
                         const tools::approval& approve) {
    // What the model is told is the same whenever the call is considered again.
    const bool for_the_flow = !t.options().destructive;
    const std::string told = for_the_flow ? asked.why : "it may destroy something";
    const bool nobody = !approve && !r.can_await_approval(asked.path);
    std::function<task<approval_decision>()> ask;
    if (approve) ask = [&]() { return decided_by(approve, r, t, given); };
    if (nobody) ask = nobody_decides;  // recorded, so that a replay need not know what the run had met by then
    const std::function<std::string(const json::object&)> wrong = [t](const json::object& edited) {
        return t.wrong_edit(edited);
    };
    approval_decision decision = co_await r.ask_approval(asked.path, t.name(), json::value(given),
                                                         json::value(t.edit_schema()), ask, asked.why, wrong);
    consent answer;
    if (!decision.approved) {
        answer.objection = ": " + told + ", and the call was refused" +
                           (decision.reason.empty() ? "" : ": " + decision.reason) +
                           ". Find another way, or finish and say what you would have done.";
    } else if (decision.arguments) {
        auto edited = t.read_arguments(json::value(*decision.arguments));
        if (!edited.ok() || !edited.value.is_object())
            answer.objection =
                ": the arguments that whoever approved it gave are wrong: " + one_line(edited.violations) + ".";
        else
            answer.arguments = edited.value.get_object();
    }
    co_return answer;
}

// Asks for consent where that is wanted. @return why the call is not made; "" where it is
task<std::string> settle_consent(run& r, const tool& t, json::object& given, const run::flow_question& asked,
                                 const tools::approval& approve, std::optional<json::object>& instead) {
    consent answer = co_await consent_to(r, t, given, asked, approve);
    if (answer.arguments) given = *answer.arguments;
    instead = std::move(answer.arguments);
    co_return std::move(answer.objection);
}

// What the model is told of a tool that failed.
observation failed(const tool& t, std::string problem) {
    problem = detail::valid_utf8(std::move(problem));
    while (problem.ends_with('.') || problem.ends_with('\n')) problem.pop_back();
    return failure(cut_bytes("Error: `" + t.name() + "` failed: " + problem, t.options().max_result_bytes) +
                   ". Change the arguments, use another tool, or finish with what you know.");
}

}  // namespace

task<observation> tools::call(run& r, std::string path, std::string name, json::value arguments) const {
    const tool* found = find(name);
    if (!found) co_return no_such_tool(name, all_);
    const tool t = *found;  // keeps the function alive while it runs
    r.mark_private(t.private_arguments());
    json::object given;
    auto wrong = [&] {
        auto read = t.read_arguments(arguments);
        auto why = objection(t, read);
        if (why.empty()) given = std::move(read.value.get_object());
        return why;
    };
    if (auto why = wrong(); !why.empty()) co_return not_called(name, why);

    std::optional<json::object> instead;
    const run::flow_question asked = question(r, path, t, given);
    if (asked.asks) {
        const std::string why = co_await settle_consent(r, t, given, asked, approve_, instead);
        if (!why.empty()) co_return not_called(name, why);
    }

    const auto timeout = t.options().timeout;
    std::unique_ptr<run> inside;
    std::function<task<json::value>()> effect = [&]() -> task<json::value> {
        auto work = [&] {
            if (!t.uses_run()) return t.call(r, given);
            inside = std::make_unique<run>(r.branch_of_tool());
            run& own = *inside;
            return detail::attempts<json::value>(own, [&t, &own, &given] { return t.call(own, given); });
        }();
        return with_deadline(legible_result(std::move(work)), deadline_after(timeout),
                             [timeout] { return timed_out{"it did not finish within " + seconds(timeout)}; });
    };
    observation told;
    try {
        const flow_flags flags = flags_of(r, t);
        // What sends something outside is not made again unasked, though it changes nothing that it knows of.
        const tool_call_traits traits{t.options().idempotent, t.options().read_only && !flags.acts, t.uses_run(),
                                      flags};
        json::value result = co_await r.call_tool(std::move(path), name, json::value(given), effect, traits);
        told = {limited(std::move(result), t.options().max_result_bytes), false};
    } catch (const run_error&) {
        throw;
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        told = failed(t, e.what());
    } catch (const std::exception& e) {
        told = failed(t, e.what());
    }
    told.arguments = std::move(instead);
    co_return told;
}

}  // namespace reagent
