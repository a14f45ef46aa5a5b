// What waits for somebody, and what was decided about it.
#include "journal_store_impl.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/schema.hpp>

#include "../../run/consent_check.hpp"

#include <boost/json.hpp>

namespace reagent {

using detail::is_over;
using detail::not_possible;
using detail::number;
using detail::text;

namespace {

constexpr std::size_t most_reason_bytes = 16 * 1024;

}  // namespace

std::vector<pending_decision> journal_store_impl::pending(const std::string& id) {
    std::vector<pending_decision> all;
    for (const auto& row :
         db->run("SELECT wanted, decided FROM reagent_decisions WHERE run = $1 AND used = 0 ORDER BY effect",
                 {std::string_view{id}})) {
        auto record = journal_record_from_text(text(row[0]));
        pending_decision p{std::get<decision_wanted>(record.what), {}, {}};
        p.digest = consent_digest(id, p.wanted.what, {});
        if (row[1]) p.decided = detail::decision_from(detail::object(row[1]));
        all.push_back(std::move(p));
    }
    return all;
}

std::int64_t journal_store_impl::undecided(const std::string& id) {
    return number(db->run("SELECT count(*) FROM reagent_decisions WHERE run = $1 AND decided IS NULL AND used = 0",
                          {std::string_view{id}})[0][0]);
}

std::vector<pending_decision> journal_store::pending(const std::string& id) {
    detail::check_known(id);
    return impl_->call([&] { return impl_->pending(id); });
}

void journal_store::decide(const std::string& id, std::uint64_t effect, const run_decision& d) {
    if (!d.by.empty()) detail::check_new_name("name of who decides", d.by);
    if (d.text.size() > most_reason_bytes)
        throw not_possible("the reason has " + std::to_string(d.text.size()) + " bytes; the model is told at most " +
                           std::to_string(most_reason_bytes));
    if (auto deep = too_deep(d.result); !deep.empty()) throw not_possible("the result " + deep);
    if (auto deep = d.arguments ? too_deep(*d.arguments) : ""; !deep.empty())
        throw not_possible("what the call is to be given " + deep);
    impl_->change([&] {
        auto r = impl_->get(id, true);
        auto all = impl_->pending(id);
        std::erase_if(all, [](const auto& p) { return p.decided.has_value(); });
        if (is_over(r.status))
            throw not_possible("run " + visible_name(id) + " is " + std::string{to_string(r.status)} +
                               ", there is nothing to decide");
        if (all.empty())
            throw not_possible("nothing in run " + visible_name(id) + " waits for a decision; it is " +
                               std::string{to_string(r.status)});
        const pending_decision* found = nullptr;
        for (const auto& p : all)
            if (p.wanted.what.id == effect || (effect == 0 && all.size() == 1)) found = &p;
        if (!found) {
            std::string list;
            for (const auto& p : all)
                list += (list.empty() ? "" : ", ") + std::to_string(p.wanted.what.id) + " (" +
                        visible_name(p.wanted.what.tool) + ")";
            throw not_possible("run " + visible_name(id) + " waits for decisions about the effects " + list +
                               "; name one of them");
        }
        const auto& wanted = found->wanted;
        bool approval = wanted.what.kind == event_kind::approval;
        bool fits = approval ? d.kind == run_decision::approve || d.kind == run_decision::reject
                             : d.kind != run_decision::approve && d.kind != run_decision::reject;
        if (!fits)
            throw not_possible(
                approval ? "effect " + std::to_string(wanted.what.id) + " of run " + visible_name(id) +
                               " waits for consent: approve or reject it"
                         : "effect " + std::to_string(wanted.what.id) + " of run " + visible_name(id) +
                               " was under way in a crash: say whether it happened, failed, or is to be repeated");
        if (!d.digest.empty() && d.digest != found->digest)
            throw not_possible("what waits in run " + visible_name(id) +
                               " is not what was seen: its digest is another. Look again: `reagent runs show " +
                               shell_word(id) + "`");
        if (d.arguments)
            if (auto wrong = detail::wrong_edit(wanted, *d.arguments); !wrong.empty())
                throw not_possible("the edited arguments do not fit the tool " + visible_name(wanted.what.tool) + ": " +
                                   wrong + ". Nothing is decided");
        run_decision bound = d;
        bound.at = std::chrono::milliseconds{number(impl_->db->run(std::string{"SELECT "} + impl_->now)[0][0])};
        bound.digest = consent_digest(id, wanted.what, d.arguments);
        std::string body = detail::to_text_of(detail::to_json_object(bound));
        impl_->db->run("UPDATE reagent_decisions SET decided = $1 WHERE run = $2 AND effect = $3",
                       {std::string_view{body}, std::string_view{id}, static_cast<std::int64_t>(wanted.what.id)});
        if (r.status != run_status::running && impl_->undecided(id) == 0)
            impl_->db->run("UPDATE reagent_runs SET status = 'ready', error = NULL, stalled = 0, updated = " +
                               impl_->now + " WHERE id = $1",
                           {std::string_view{id}});
    });
}

}  // namespace reagent
