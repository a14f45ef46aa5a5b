// What stands in the tables, as values.
#include "rows.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/repair.hpp>

#include "../../base/redact.hpp"
#include "../../base/text.hpp"
#include "../../journal/record_depth.hpp"
#include "../../schema/unicode.hpp"

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>

namespace reagent {
namespace {

constexpr std::array<std::pair<run_status, std::string_view>, 7> status_names{
    {{run_status::ready, "ready"},
     {run_status::running, "running"},
     {run_status::awaiting_approval, "awaiting_approval"},
     {run_status::outcome_unknown, "outcome_unknown"},
     {run_status::finished, "finished"},
     {run_status::failed, "failed"},
     {run_status::cancelled, "cancelled"}}};

std::chrono::system_clock::time_point time_of(std::int64_t ms) {
    return std::chrono::system_clock::time_point{std::chrono::milliseconds{ms}};
}

constexpr const char* decision_names[]{"approve", "reject", "repeat", "happened", "failed"};

}  // namespace

std::string_view to_string(run_status s) {
    for (const auto& [status, name] : status_names)
        if (status == s) return name;
    return {};
}

std::optional<run_status> run_status_named(std::string_view name) {
    for (const auto& [status, known] : status_names)
        if (known == name) return status;
    return {};
}

json::object to_json(const stored_run& r) {
    auto ms = [](auto t) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
    };
    json::object o{{"id", r.id}, {"program", r.program}, {"status", to_string(r.status)}, {"inputs", r.inputs}};
    if (r.outputs) o["outputs"] = *r.outputs;
    if (!r.error.empty()) o["error"] = r.error;
    if (!r.session.empty()) o["session"] = r.session;
    if (!r.parent.empty()) o["parent"] = r.parent;
    if (!r.worker.empty()) o["worker"] = r.worker;
    o["records"] = r.records;
    o["takes"] = r.takes;
    o["usage"] = to_json(r.usage);
    o["active_seconds"] = static_cast<double>(r.active.count()) / 1e6;
    o["created_ms"] = ms(r.created);
    o["updated_ms"] = ms(r.updated);
    return o;
}

namespace detail {

bool is_over(run_status s) {
    return s == run_status::finished || s == run_status::failed || s == run_status::cancelled;
}

std::string random_name(std::size_t length) {
    static constexpr char letters[] =
        "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's base 32: none is mistaken for another
    std::string name(std::min<std::size_t>(length, 256), '\0');
    if (::getentropy(name.data(), name.size()) != 0) throw std::runtime_error{"the system has no random numbers"};
    for (char& c : name) c = letters[static_cast<unsigned char>(c) & 31];
    return name;
}

std::int64_t number(const std::optional<std::string>& text) {
    return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}
std::string text(const std::optional<std::string>& t) { return t.value_or(""); }
json::object object(const std::optional<std::string>& t) {
    auto v = t ? parse_json(*t, max_record_depth) : std::optional<json::value>{};
    return v && v->is_object() ? v->get_object() : json::object{};
}

const char* const run_columns =
    "id, program, status, inputs, outputs, error, session, parent, worker, format, cancel_requested, last_record, "
    "takes, usage, active, "
    "created, updated, fence";

reagent::usage usage_from(const json::object& o) {
    lm_response r;
    json::object whole{{"content", ""}, {"finish", "stop"}};
    whole["usage"] = o;
    return lm_response_from_json(whole).usage;
}

stored_run run_from(const sql_row& row) {
    stored_run r;
    r.id = text(row[0]);
    r.program = text(row[1]);
    r.status = run_status_named(text(row[2])).value_or(run_status::failed);
    r.inputs = object(row[3]);
    if (row[4]) r.outputs = object(row[4]);
    r.error = text(row[5]);
    r.session = text(row[6]);
    r.parent = text(row[7]);
    r.worker = text(row[8]);
    r.format = static_cast<int>(number(row[9]));
    r.cancel_requested = number(row[10]) != 0;
    r.records = static_cast<std::uint64_t>(number(row[11]));
    r.takes = static_cast<std::uint64_t>(number(row[12]));
    if (row[13]) r.usage = usage_from(object(row[13]));
    r.active = std::chrono::microseconds{number(row[14])};
    r.created = time_of(number(row[15]));
    r.updated = time_of(number(row[16]));
    return r;
}

std::size_t turns_before(const stored_run& r) {
    auto* h = r.inputs.if_contains("history");
    if (!h || !h->is_object()) return 0;
    std::size_t n = 0;
    if (auto* m = h->get_object().if_contains("messages"); m && m->is_array()) n = m->get_array().size();
    boost::system::error_code ec;
    if (auto* s = h->get_object().if_contains("summarized"); s && s->is_number()) n += s->to_number<std::size_t>(ec);
    return n;
}

json::object to_json_object(const run_decision& d) {
    json::object o{{"decision", decision_names[d.kind]}};
    if (d.arguments) o["arguments"] = *d.arguments;
    if (!d.result.is_null()) o["result"] = d.result;
    if (!d.text.empty()) o["text"] = d.text;
    if (!d.by.empty()) o["by"] = d.by;
    if (d.at.count()) o["at"] = d.at.count();
    if (!d.digest.empty()) o["digest"] = d.digest;
    return o;
}

run_decision decision_from(const json::object& o) {
    run_decision d;
    auto named = [&](const char* key) {
        auto* v = o.if_contains(key);
        return v && v->is_string() ? std::string{v->get_string()} : std::string{};
    };
    for (int i = 0; i < 5; ++i)
        if (named("decision") == decision_names[i]) d.kind = static_cast<run_decision::kind_t>(i);
    if (auto* a = o.if_contains("arguments"); a && a->is_object()) d.arguments = a->get_object();
    if (auto* r = o.if_contains("result")) d.result = *r;
    d.text = named("text");
    d.by = named("by");
    d.digest = named("digest");
    if (auto* at = o.if_contains("at"); at && at->is_int64()) d.at = std::chrono::milliseconds{at->get_int64()};
    return d;
}

std::string to_text_of(const json::object& o) {
    journal_record r{{}, predictor_returned{std::make_shared<const predictor_call>(predictor_call{{}, {}, o, {}})}};
    auto v = parse_json(to_text(r), max_record_depth);
    return json::serialize(v ? v->at("outputs") : json::value(o));
}

std::string_view bindable(std::string_view text, std::string& repaired) {
    bool zeros = text.find('\0') != text.npos;
    if (!zeros && is_utf8(text)) return text;
    repaired = to_utf8(text);
    if (zeros) repaired = replace_all(repaired, std::string_view{"\0", 1}, "\xEF\xBF\xBD");
    return repaired;
}

std::string quoted(std::string_view name) { return "\"" + visible(cut(std::string{name}, 80)) + "\""; }

bool is_possible_id(std::string_view id) { return is_utf8(id) && id.find('\0') == id.npos; }

void check_known(const std::string& id) {
    if (!is_possible_id(id)) throw unknown_run(id);
}

void check_new_name(const char* what, std::string_view name, std::size_t most_bytes) {
    auto wrong = [&](const std::string& why) { return not_possible(std::string{"the "} + what + " " + why); };
    if (name.empty() || name.size() > most_bytes)
        throw wrong("has " + std::to_string(name.size()) + " bytes; it needs 1 to " + std::to_string(most_bytes));
    auto control = std::find_if(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    if (control != name.end())
        throw wrong("holds the control character " + std::to_string(static_cast<int>(*control)) + " at byte " +
                    std::to_string(control - name.begin()) + "; use printable characters");
    if (!is_utf8(name)) throw wrong("is no UTF-8; encode it as that");
    if (std::string shown = visible(name); shown != name)
        throw wrong("holds what cannot be seen, or changes how its neighbours look: \"" + cut(shown, 200) +
                    "\"; leave that out");
    if (is_space(name.front()) || is_space(name.back())) throw wrong("begins or ends with a blank; leave that out");
    if (without_keys(name, {}) != name)
        throw wrong("holds what looks like a key, and would be shown wherever the run is; give another one");
    if (name.front() == '-') throw wrong("begins with a hyphen, as options do; let it begin with a letter or a digit");
}

run_error not_possible(const std::string& what) { return run_error{run_errc::not_possible, what}; }
run_error unknown_run(const std::string& id) {
    return run_error{run_errc::unknown_run,
                     "there is no run " + quoted(id) + "; `reagent runs list` shows those that there are"};
}
run_error lost_records(const stored_run& r, std::size_t left) {
    std::string kept = std::to_string(left), id = shell_word(r.id);
    std::string why = "the journal of run " + visible_name(r.id) + " is not whole: it has had " +
                      std::to_string(r.records) + " records, and from the first on " + kept +
                      " are there. What is missing may have been done, so nothing is done now. ";
    if (left >= r.records) return run_error{run_errc::bad_journal, why + "Put the database back as it was"};
    if (left == 0) return run_error{run_errc::bad_journal, why + "Put the database back as it was, or begin a new run"};
    return run_error{run_errc::bad_journal,
                     why +
                         "Put the database back as it was; or go on in a new run from what is left, which may do "
                         "again what is missing: `reagent runs fork " +
                         id + " --records " + kept + "`"};
}

run_error taken_over(const std::string& id) {
    return run_error{run_errc::lease_lost,
                     "run " + visible_name(id) +
                         " was taken over by another worker, because this one had not been heard of for too long "
                         "or somebody said `resume --force`; it goes on there, and nothing more of it is stored "
                         "here"};
}

std::string unknown_text(const std::vector<std::string>& tools) {
    if (tools.empty()) return {};
    std::string list;
    for (const auto& tool : tools) list += (list.empty() ? "`" : ", `") + visible_name(tool) + "`";
    return std::string{tools.size() == 1 ? "a call of " : "calls of "} + list +
           (tools.size() == 1
                ? " was under way: its outcome is unknown, it may have acted or not. Look before it is made again"
                : " were under way: their outcome is unknown, they may have acted or not. Look before they are made "
                  "again");
}

}  // namespace detail
}  // namespace reagent
