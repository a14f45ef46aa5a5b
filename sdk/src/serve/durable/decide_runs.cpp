// Decisions about what waits, and the end of a run by its client.
#include "durable_runs.hpp"

#include "../request_body.hpp"

#include "../../run/consent_check.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

constexpr std::size_t digest_digits = 64, most_reason = 16 * 1024;

std::string text_member(const json::object& o, const char* name, std::vector<violation>& wrong) {
    auto* v = o.if_contains(name);
    if (!v) return {};
    if (!v->is_string()) return wrong.push_back({std::string{"$."} + name, "is no text"}), std::string{};
    return std::string{v->get_string()};
}

[[noreturn]] void conflict(std::string_view kind, std::string_view detail) {
    throw refused{problem(409, kind, detail)};
}

}  // namespace

run_decision read_decision(const http_request& r, run_decision::kind_t kind, std::size_t depth) {
    const auto body = json_body_of(r, depth);
    const bool approves = kind == run_decision::approve;
    std::vector<violation> wrong;
    run_decision d{.kind = kind, .by = r.caller};
    if (!body.is_object()) throw refused{problem_of({{"$", "is no object, as {\"digest\": \"...\"}"}})};
    for (const auto& [name, v] : body.get_object())
        if (name != "digest" && name != (approves ? "arguments" : "reason"))
            wrong.push_back({"$." + std::string{name}, "is nothing that a decision has"});
    d.digest = text_member(body.get_object(), "digest", wrong);
    if (wrong.empty() && d.digest.size() != digest_digits)
        wrong.push_back({"$.digest", "is not the digest of the call that was seen, which has 64 digits"});
    d.text = text_member(body.get_object(), "reason", wrong);
    if (d.text.size() > most_reason) wrong.push_back({"$.reason", "is longer than 16 KiB"});
    if (auto* a = body.get_object().if_contains("arguments")) {
        if (a->is_object())
            d.arguments = a->get_object();
        else
            wrong.push_back({"$.arguments", "is no object"});
    }
    if (!wrong.empty()) throw refused{problem_of(wrong)};
    return d;
}

void decide_seen(journal_store& store, const std::string& id, const run_decision& d) {
    auto run = store.get(id);
    if (is_at_its_end(run.status)) conflict("over", "the run is over: nothing waits any more");
    auto all = store.pending(id);
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.digest == d.digest; });
    if (found == all.end()) conflict("digest", "nothing waits with that digest; look at the run again");
    if (found->decided) conflict("decided", "that was decided already");
    const auto& wanted = found->wanted;
    if (wanted.what.kind != event_kind::approval)
        conflict("outcome-unknown", "nobody knows what came of that call: whoever runs this server has to look");
    if (d.arguments)
        if (auto wrong = wrong_edit(wanted, *d.arguments); !wrong.empty())
            throw refused{problem_of({{"$.arguments", wrong}})};
    try {
        store.decide(id, wanted.what.id, d);
    } catch (const run_error& e) {
        if (e.code() == run_errc::not_possible) conflict("decided", "somebody else was first; look at the run again");
        throw;
    }
}

task<http_reply> durable_runs::decide(std::shared_ptr<http_request> r, run_decision::kind_t kind) {
    if (!r->decides)
        co_return problem(403, "right", "this key may not decide (api_key::decides); without keys nobody may");
    auto d = read_decision(*r, kind, by_->options.limits.json_depth);
    auto run = co_await run_of(r);
    std::function<bool()> work = [this, id = run.id, d = std::move(d)] {
        decide_seen(calls_.store(), id, d);
        calls_.service().look();
        return true;
    };
    co_await calls_.call(std::move(work));
    halts_.tell(run.id);
    auto reply = co_await view_of(run.id, 200);
    co_return reply;
}

task<http_reply> durable_runs::cancel(std::shared_ptr<http_request> r) {
    if (!r->query.empty()) co_return problem(400, "query", "nothing stands in the address");
    auto run = co_await run_of(r);
    if (is_at_its_end(run.status)) conflict("over", "the run is over already");
    std::function<bool()> work = [this, id = run.id] {
        calls_.store().cancel(id);
        return true;
    };
    co_await calls_.call(std::move(work));
    halts_.tell(run.id);
    auto p = co_await read(run.id, 0, false);
    co_return json_reply(run_view(p.run, p.pending), is_at_its_end(p.run.status) ? 200 : 202);
}

}  // namespace reagent::detail
