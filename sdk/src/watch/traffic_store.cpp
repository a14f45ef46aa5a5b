#include "../durable/store/rows.hpp"
#include "traffic_store_impl.hpp"

#include <boost/json.hpp>

#include <set>

namespace reagent {

using detail::number;
using detail::sql_row;
using detail::sql_value;
using detail::text;

namespace {

using std::chrono::milliseconds;

std::int64_t ms_of(std::chrono::system_clock::time_point t) {
    return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count();
}

json::object body_of(const sample& s) {
    json::object o{
        {"inputs", s.inputs}, {"outputs", s.outputs}, {"latency_us", s.latency.count()}, {"usage", to_json(s.usage)}};
    if (!s.error.empty()) o["error"] = s.error;
    if (!s.model.empty()) o["model"] = s.model;
    if (s.withheld) o["withheld"] = true;
    return o;
}

std::string text_at(const json::object& o, std::string_view name) {
    const auto* v = o.if_contains(name);
    return v && v->is_string() ? std::string{std::string_view{v->get_string()}} : std::string{};
}

json::object object_at(const json::object& o, std::string_view name) {
    const auto* v = o.if_contains(name);
    return v && v->is_object() ? v->get_object() : json::object{};
}

request_feedback feedback_from(const std::string& request, const json::object& o) {
    request_feedback f{.request = request, .labels = object_at(o, "labels"), .remark = text_at(o, "remark")};
    if (const auto* score = o.if_contains("score"); score && score->is_number()) f.score = score->to_number<double>();
    f.withheld = o.contains("withheld");
    return f;
}

constexpr const char* columns =
    "SELECT s.number, s.program, s.request, s.version, s.heard, s.at, s.kept_by, s.body, f.number, f.body FROM "
    "reagent_samples AS s LEFT "
    "JOIN reagent_feedback AS f ON f.request = s.request";

sample sample_from(const sql_row& row) {
    sample s{.request = text(row[2]), .program = text(row[1]), .version = static_cast<std::uint64_t>(number(row[3]))};
    s.number = static_cast<std::uint64_t>(number(row[0]));
    s.heard = number(row[4]) != 0;
    s.at = std::chrono::system_clock::time_point{milliseconds{number(row[5])}};
    s.kept_by = text(row[6]);
    auto body = detail::object(row[7]);
    s.inputs = object_at(body, "inputs"), s.outputs = object_at(body, "outputs");
    s.error = text_at(body, "error"), s.model = text_at(body, "model");
    if (const auto* n = body.if_contains("latency_us"); n && n->is_number())
        s.latency = std::chrono::microseconds{n->to_number<std::int64_t>()};
    s.usage = usage_from_json(object_at(body, "usage"));
    s.withheld = body.contains("withheld");
    if (row[9]) s.said = feedback_from(s.request, detail::object(row[9]));
    s.said_number = static_cast<std::uint64_t>(number(row[8]));
    return s;
}

}  // namespace

traffic_store::traffic_store(std::unique_ptr<impl> i) : impl_{std::move(i)} {}
traffic_store::~traffic_store() = default;
std::string traffic_store::name() const { return impl_->db->name(); }

std::size_t traffic_store::add(std::span<const sample> samples, const sample_reservoir& r) {
    if (samples.empty()) return 0;
    auto& db = *impl_;
    return db.change([&] {
        std::size_t added = 0;
        std::int64_t at = db.next_numbers(samples.size());
        std::set<std::pair<std::string, std::int64_t>> reservoirs;
        for (const auto& s : samples) {
            const auto period = std::chrono::duration_cast<std::chrono::seconds>(s.at.time_since_epoch()).count() /
                                std::max<std::int64_t>(1, r.per.count());
            const auto priority = static_cast<std::int64_t>(share_of(s.request, "reservoir") * 0x1p53);
            std::string body = detail::to_text_of(body_of(s));
            std::string kept_by = s.kept_by.empty() ? "rate" : s.kept_by;
            auto made = db.db->run(
                R"(INSERT INTO reagent_samples (number, program, request, version, heard, at, period, priority, kept_by, bytes, body)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING number)",
                std::vector<sql_value>{at++, s.program, s.request, static_cast<std::int64_t>(s.version),
                                       std::int64_t{s.heard}, ms_of(s.at), period, priority, kept_by,
                                       static_cast<std::int64_t>(body.size() + s.request.size() + s.program.size()),
                                       body});
            added += made.size();
            if (kept_by == "reservoir") reservoirs.emplace(s.program, period);
        }
        for (const auto& [program, period] : reservoirs)
            db.db->run(
                R"(DELETE FROM reagent_samples WHERE number IN (SELECT number FROM (SELECT number, ROW_NUMBER() OVER (PARTITION BY version,
                   heard ORDER BY priority, number) AS place FROM reagent_samples WHERE program = $1 AND kept_by = 'reservoir' AND
                   period = CAST($2 AS BIGINT)) AS places WHERE place > CAST($3 AS BIGINT)))",
                std::vector<sql_value>{program, period, static_cast<std::int64_t>(r.size)});
        if ((db.since_retained += added) >= 500) db.retain();
        return added;
    });
}

std::size_t traffic_store::add(std::span<const request_feedback> all) {
    auto& db = *impl_;
    return db.change([&] {
        std::size_t known = 0;
        for (const auto& f : all) {
            if (db.db
                    ->run("SELECT 1 FROM reagent_samples WHERE request = $1 LIMIT 1", std::vector<sql_value>{f.request})
                    .empty())
                continue;
            ++known;
            json::object body = to_json(f);
            body.erase("request");
            db.db->run(
                "INSERT INTO reagent_feedback (request, number, labelled, body) VALUES ($1, $2, $3, $4) ON CONFLICT "
                "(request) DO UPDATE "
                "SET "
                "number = excluded.number, labelled = excluded.labelled, body = excluded.body WHERE "
                "reagent_feedback.body <> excluded.body",
                std::vector<sql_value>{f.request, db.next_numbers(1), std::int64_t{!f.labels.empty()},
                                       detail::to_text_of(body)});
        }
        return known;
    });
}

std::vector<sample> traffic_store::list(const sample_filter& filter) {
    detail::statement_parameters p;
    std::string where = " WHERE s.number > " + p.number(static_cast<std::int64_t>(filter.after));
    if (!filter.program.empty()) where += " AND s.program = " + p.text(filter.program);
    if (!filter.request.empty()) where += " AND s.request = " + p.text(filter.request);
    if (filter.version) where += " AND s.version = " + p.number(static_cast<std::int64_t>(*filter.version));
    if (filter.heard) where += " AND s.heard = " + p.number(*filter.heard);
    if (filter.labelled) where += " AND f.labelled = 1";
    if (filter.said) where += " AND f.number > " + p.number(static_cast<std::int64_t>(filter.said_after));
    where += std::string{" ORDER BY "} + (filter.said ? "f.number" : "s.number") +
             (filter.newest_first ? " DESC" : "") + " LIMIT " +
             p.number(static_cast<std::int64_t>(std::min<std::size_t>(filter.most, 10'000'000)));
    std::lock_guard lock{impl_->mutex};
    return impl_->patiently([&] {
        std::vector<sample> all;
        for (const auto& row : impl_->db->run(columns + where, p)) all.push_back(sample_from(row));
        return all;
    });
}

std::size_t traffic_store::count(const std::string& program) {
    std::lock_guard lock{impl_->mutex};
    return impl_->patiently([&] {
        auto rows = impl_->db->run("SELECT COUNT(*) FROM reagent_samples WHERE program = $1 OR $1 = ''",
                                   std::vector<sql_value>{program});
        return static_cast<std::size_t>(number(rows.at(0).at(0)));
    });
}

std::size_t traffic_store::retain() {
    return impl_->change([&] { return impl_->retain(); });
}

traffic_store::document traffic_store::get(const std::string& name) {
    std::lock_guard lock{impl_->mutex};
    return impl_->patiently([&]() -> document {
        auto rows =
            impl_->db->run("SELECT revision, body FROM reagent_watch WHERE name = $1", std::vector<sql_value>{name});
        if (rows.empty()) return {};
        return {detail::object(rows[0][1]), static_cast<std::uint64_t>(number(rows[0][0]))};
    });
}

bool traffic_store::set(const std::string& name, const document& d, std::span<const json::object> alerts) {
    auto& db = *impl_;
    const std::string body = detail::to_text_of(d.body);
    return db.change([&] {
        const auto before = static_cast<std::int64_t>(d.revision);
        auto set = db.db->run(
            "INSERT INTO reagent_watch AS w (name, revision, body) VALUES ($1, CAST($2 AS BIGINT) + 1, $3) ON CONFLICT "
            "(name) DO UPDATE "
            "SET "
            "revision = excluded.revision, body = excluded.body WHERE w.revision = CAST($2 AS BIGINT) RETURNING "
            "revision",
            std::vector<sql_value>{name, before, body});
        if (set.empty()) {  // also when this very change was stored, and the reply to its COMMIT was lost
            auto there =
                db.db->run("SELECT revision, body FROM reagent_watch WHERE name = $1", std::vector<sql_value>{name});
            return !there.empty() && number(there[0][0]) == before + 1 && text(there[0][1]) == body;
        }
        for (const auto& a : alerts)
            db.db->run(
                "INSERT INTO reagent_alerts (id, number, program, told, body) VALUES ($1, $2, $3, 0, $4) ON CONFLICT "
                "DO NOTHING",
                std::vector<sql_value>{text_at(a, "id"), db.next_numbers(1), text_at(a, "program"),
                                       detail::to_text_of(a)});
        return true;
    });
}

std::vector<json::object> traffic_store::alerts(const std::string& program, bool only_untold, std::size_t most) {
    std::lock_guard lock{impl_->mutex};
    return impl_->patiently([&] {
        std::vector<json::object> all;
        auto rows = impl_->db->run(std::string{"SELECT body FROM reagent_alerts WHERE (program = $1 OR $1 = '')"} +
                                       (only_untold ? " AND told = 0 ORDER BY number" : " ORDER BY number DESC") +
                                       " LIMIT CAST($2 AS BIGINT)",
                                   std::vector<sql_value>{program, static_cast<std::int64_t>(most)});
        for (const auto& row : rows) all.push_back(detail::object(row[0]));
        return all;
    });
}

void traffic_store::told(const std::string& alert) {
    impl_->change([&] {
        impl_->db->run("UPDATE reagent_alerts SET told = 1 WHERE id = $1", std::vector<sql_value>{alert});
        return 0;
    });
}

}  // namespace reagent
