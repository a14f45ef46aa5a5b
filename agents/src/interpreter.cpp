#include <reagent/agents/interpreter.hpp>

#include <reagent/module/parallel.hpp>

#include <boost/json.hpp>

#include <cstdio>

namespace reagent {
namespace {

// Of a call's arguments, which may be large and stand in the journal already: FNV-1a.
std::string digest_of(const json::object& arguments) {
    std::uint64_t h = 1469598103934665603ull;
    for (unsigned char c : json::serialize(arguments)) h = (h ^ c) * 1099511628211ull;
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(h));
    return text;
}

json::object recorded(const sandbox::host_call& c, const sandbox::host_result& r) {
    json::object o{{"name", c.name}, {"of", digest_of(c.arguments)}, {r.failed ? "error" : "value", r.value}};
    if (const auto* several = c.arguments.if_contains("prompts"); several && several->is_array())
        o["prompts"] = several->get_array().size();
    return o;
}

void add_pictures(const sandbox::cell& c, std::size_t most, json::object& told) {
    std::size_t bytes = 0;
    for (const auto& p : c.pictures) bytes += p.size();
    if (c.pictures.empty()) return;
    if (bytes > most) {
        told["pictures_left_out"] = c.pictures.size();
        return;
    }
    json::array all;
    for (const auto& p : c.pictures) all.emplace_back(p);
    told["pictures"] = std::move(all);
}

json::object told_of(const sandbox::cell& c, std::size_t most_of_pictures) {
    json::object told;
    if (!c.output.empty()) told["output"] = c.output;
    if (c.truncated) told["truncated"] = true;
    if (!c.shown.empty()) told["shown"] = c.shown;
    if (c.value) told["value"] = *c.value;
    if (c.error)
        told["error"] = json::object{
            {"type", c.error->type}, {"message", c.error->message}, {"line", c.error->line}, {"trace", c.error->trace}};
    if (c.submitted) told["submitted"] = *c.submitted;
    if (!c.ended.empty()) told["ended"] = c.ended;
    add_pictures(c, most_of_pictures, told);
    return told;
}

// What a cell did then and does now; "": the same. Addresses and times in what it printed are no difference that
// matters.
std::string difference(const json::object& then, const json::object& now) {
    for (const char* what : {"value", "submitted"}) {
        const auto* a = then.if_contains(what);
        const auto* b = now.if_contains(what);
        if ((a ? *a : json::value{}) != (b ? *b : json::value{})) return std::string{"its "} + what + " is another one";
    }
    if (then.contains("error") != now.contains("error"))
        return then.contains("error") ? "it does not fail any more" : "it fails";
    return {};
}

}  // namespace

void interpreter::know(std::string code, json::object told) { cells_.push_back({std::move(code), std::move(told)}); }

void interpreter::forget() {
    cells_.clear();
    python_.reset();
    executed_ = 0;
}

void interpreter::open(sandbox::python p) {
    std::vector<sandbox::host_function> offered;
    for (const auto& t : setup_.functions.all()) {
        sandbox::host_function f{detail::python_name(t.name()), {}, t.description()};
        if (const auto* properties = t.parameters().if_contains("properties"); properties && properties->is_object())
            for (const auto& [name, shape] : properties->get_object()) f.parameters.emplace_back(name);
        offered.push_back(std::move(f));
    }
    for (const auto& f : setup_.own) offered.push_back(f.shown);
    p.offer(offered);
    p.set(setup_.variables);
    if (!setup_.submits.empty()) p.take_submissions(setup_.submits);
    python_.emplace(std::move(p));
    executed_ = 0;
}

task<sandbox::host_result> interpreter::call(run& r, sandbox::host_call c) {
    for (const auto& f : setup_.own)
        if (f.shown.name == c.name) co_return co_await f.call(r, std::move(c.arguments));
    for (const auto& t : setup_.functions.all()) {
        if (detail::python_name(t.name()) != c.name) continue;
        std::string name = t.name(), path = setup_.path;
        json::value arguments(std::move(c.arguments));
        observation o = co_await setup_.functions.call(r, std::move(path), std::move(name), std::move(arguments));
        sandbox::host_result result;
        result.failed = o.failed;
        result.value = std::move(o.value);
        co_return result;
    }
    sandbox::host_result none;
    none.failed = true;
    none.value = json::string("there is no function of that name");
    co_return none;
}

task<std::vector<sandbox::host_result>> interpreter::make(run& inside, json::array& record,
                                                          std::vector<sandbox::host_call> calls) {
    std::vector<sandbox::host_result> results;
    std::vector<sandbox::host_call> wanted = calls;
    if (wanted.size() == 1) {
        auto one = co_await call(inside, std::move(wanted.front()));
        results.push_back(std::move(one));
    } else {
        std::vector<std::string> names;
        for (const auto& c : wanted)
            for (const auto& t : setup_.functions.all())
                if (detail::python_name(t.name()) == c.name) names.push_back(t.name());
        setup_.functions.announce(inside, names);
        auto each = [this](run& own, const sandbox::host_call& c) { return call(own, c); };
        results = co_await parallel_map(inside, std::move(wanted), each);
    }
    for (std::size_t i = 0; i < calls.size(); ++i) record.push_back(recorded(calls[i], results[i]));
    co_return results;
}

// Answers a cell's calls with what it was answered then.
struct interpreter::recorded_calls {
    const json::array& all;
    std::size_t next = 0;
    std::string differs{};

    std::size_t left() const { return all.size() - std::min(next, all.size()); }

    sandbox::host_result answer(const sandbox::host_call& c) {
        const json::object* known = next < all.size() ? all[next].if_object() : nullptr;
        ++next;
        sandbox::host_result r;
        if (known && known->at("name") == json::value(json::string(c.name)) &&
            known->at("of") == json::value(json::string(digest_of(c.arguments)))) {
            r.failed = known->contains("error");
            r.value = known->at(r.failed ? "error" : "value");
            return r;
        }
        if (differs.empty()) differs = "it calls " + c.name + " otherwise than it did";
        r.failed = true;
        r.value = json::string("this call was not made when the cell was executed first, and is not made now");
        return r;
    }
};

task<std::vector<sandbox::host_result>> interpreter::answered(recorded_calls* from,
                                                              std::vector<sandbox::host_call> calls) {
    std::vector<sandbox::host_result> results;
    for (const auto& c : calls) results.push_back(from->answer(c));
    co_return results;
}

task<std::string> interpreter::again(const known_cell& c) {
    static const json::array none;
    const auto* calls = c.told.if_contains("calls");
    recorded_calls known{calls && calls->is_array() ? calls->get_array() : none};
    const sandbox::host_calls from_record = [&known](std::vector<sandbox::host_call> wanted) {
        return answered(&known, std::move(wanted));
    };
    auto now = co_await python_->execute(c.code, from_record);
    if (!now.ended.empty()) {
        python_.reset();
        co_return "it ends the interpreter (" + now.ended + ")";
    }
    co_return known.differs.empty() ? difference(c.told, told_of(now, setup_.max_picture_bytes)) : known.differs;
}

// Executes again what the interpreter has not seen. @return what differs; "": nothing
task<std::string> interpreter::catch_up() {
    std::string differs;
    std::size_t died_at = cells_.size();
    if (python_ && !python_->alive()) python_.reset();
    if (!python_) {
        auto p = co_await pool_.take();
        open(std::move(p));
    }
    while (executed_ < cells_.size()) {
        auto& c = cells_[executed_];
        if (c.told.contains("ended")) {  // what it did went with its interpreter
            ++executed_;
            continue;
        }
        std::string why = co_await again(c);
        const bool killed_once = !python_ && died_at != executed_;  // from outside, unless it happens there again
        if (!why.empty() && !killed_once)
            differs += (differs.empty() ? "cell " : "; cell ") + std::to_string(executed_ + 1) + ": " + why;
        if (python_) {
            ++executed_;
            continue;
        }
        if (!killed_once) c.told["ended"] = "when it was executed again";
        died_at = executed_;
        auto p = co_await pool_.take();
        open(std::move(p));
    }
    co_return differs;
}

// Calls that an attempt before has made are answered with what they brought then.
task<std::vector<sandbox::host_result>> interpreter::make_once(run& inside, json::array& record, recorded_calls& before,
                                                               std::vector<sandbox::host_call> calls) {
    if (before.left() >= calls.size()) return answered(&before, std::move(calls));
    return make(inside, record, std::move(calls));
}

// An interpreter that is gone in the middle of a cell was killed from outside, or by the cell, which one more attempt
// shows.
task<json::object> interpreter::live(run& inside, std::string code) {
    json::array record;
    std::string differs;
    sandbox::cell c;
    for (int attempt = 0; attempt < 2; ++attempt) {
        std::string state = co_await catch_up();
        if (!state.empty()) differs = std::move(state);
        const json::array made = record;
        recorded_calls before{made};
        const sandbox::host_calls calls = [this, &inside, &record, &before](std::vector<sandbox::host_call> wanted) {
            return make_once(inside, record, before, std::move(wanted));
        };
        c = co_await python_->execute(code, calls);
        if (!before.differs.empty()) differs = "this cell was executed twice, and the second time " + before.differs;
        if (c.ended != "ended") break;
        python_.reset();
    }
    json::object told = told_of(c, setup_.max_picture_bytes);
    if (!record.empty()) told["calls"] = std::move(record);
    if (!differs.empty()) told["differs"] = std::move(differs);
    if (!c.ended.empty())
        python_.reset();
    else
        executed_ = cells_.size() + 1;
    co_return told;
}

task<json::object> interpreter::execute_here(run& inside, std::string code) {
    auto told = co_await live(inside, code);
    know(std::move(code), told);
    co_return told;
}

task<json::object> interpreter::execute(run& r, std::string code) {
    std::unique_ptr<run> inside;
    auto once = [this, &code, &inside]() -> task<json::value> {
        auto told = co_await live(*inside, code);
        co_return json::value(std::move(told));
    };
    std::function<task<json::value>()> effect = [&r, &inside, &once]() -> task<json::value> {
        inside = std::make_unique<run>(r.branch_of_tool());
        return detail::attempts<json::value>(*inside, once);
    };
    // Made again after a crash: its calls are effects of their own, which the journal answers or asks about.
    const tool_call_traits traits{.repeatable = true, .enters_run = true};
    json::value arguments = json::object{{"code", code}};
    std::string path = setup_.path;
    json::value result = co_await r.call_tool(std::move(path), "python", std::move(arguments), effect, traits);
    json::object told = result.is_object() ? std::move(result.get_object()) : json::object{};
    know(std::move(code), told);
    co_return told;
}

}  // namespace reagent
