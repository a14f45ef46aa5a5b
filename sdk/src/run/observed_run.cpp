// What observers are told of a run, and of its end.
#include <reagent/run/consent.hpp>
#include <reagent/run/run_observer.hpp>

#include "../base/text.hpp"
#include "state.hpp"
#include "text_of.hpp"

namespace reagent {
namespace {

run::state& of(detail::observed_state& s) { return static_cast<run::state&>(s); }

// Calls that wait for consent: tools and effects; with contents what is shown to whoever decides.
std::string questions_told(const run::state& s, bool contents) {
    std::string told = "a tool needs consent:";
    for (auto q : s.questions) {
        if (contents) {
            q.arguments = s.private_to.shown(q.path, q.arguments);
            q.why = s.private_to.shown(q.why);
            q.error = s.private_to.shown(q.error);
            told += "\n" + question_text(q, detail::most_question_bytes, "reagent runs show " + shell_word(s.name));
        } else
            told += " `" + visible_name(q.tool) + "` (effect " + std::to_string(q.id) + ")";
    }
    return told;
}

// What an error says without what a tool, or an answer that did not fit, has put into it.
std::string without_contents(const std::exception_ptr& failure, const std::string& error) {
    try {
        std::rethrow_exception(failure);
    } catch (const lm_error&) {  // a server's words, and ours
        return error;
    } catch (const http_error&) {
        return error;
    } catch (const run_error& e) {
        return e.code() == run_errc::replay_mismatch ? detail::without_quotes(error) : error;
    } catch (...) {
        return detail::without_quotes(error);
    }
}

}  // namespace

std::string observed_run::id() const { return of(state_).secrets->without(of(state_).own_name()); }
std::string observed_run::program() const { return of(state_).secrets->without(of(state_).options.program); }
std::string observed_run::session() const { return of(state_).secrets->without(of(state_).session); }
std::string observed_run::model() const { return of(state_).options.lm.name(); }
std::uint64_t observed_run::takes() const { return of(state_).log ? of(state_).log->takes() : 0; }
bool observed_run::is_suspended() const { return of(state_).suspended; }
const usage& observed_run::usage() const { return of(state_).usage; }
std::chrono::microseconds observed_run::duration() const { return of(state_).duration; }
const std::shared_ptr<journal>& observed_run::history() const { return of(state_).history; }
std::string observed_run::shown(std::string_view text) const { return of(state_).private_to.shown(text); }
json::value observed_run::shown(const std::string& path, const json::value& v) const {
    return of(state_).private_to.shown(path, v);
}
bool observed_run::has_private() const { return !of(state_).private_to.is_empty(); }
std::shared_ptr<const detail::privacy> observed_run::privacy() const {
    return std::make_shared<const detail::privacy>(of(state_).private_to);
}

std::string observed_run::told(const std::exception_ptr& failure, bool contents) const {
    const auto& s = of(state_);
    std::string error = detail::text_of(failure);
    if (s.suspended && !s.questions.empty() && s.unknown_call.empty()) return questions_told(s, contents);
    if (error.empty() || (contents && s.private_to.is_empty())) return error;
    return without_contents(failure, error);
}

}  // namespace reagent
