// What nobody wants any more, by age.
#include "journal_store_impl.hpp"

namespace reagent {
namespace {

using detail::sql_value;

constexpr const char* ended_status = "status IN ('finished', 'failed', 'cancelled')";

std::int64_t milliseconds_of(std::chrono::system_clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

// By characters, whatever the database's collation.
std::string begins_with(const char* prefix, const char* length) {
    return std::string{"substr(id, 1, CAST("} + length + " AS INTEGER)) = " + prefix;
}

std::int64_t length_of(const std::string& prefix) { return static_cast<std::int64_t>(prefix.size()); }

}  // namespace

std::size_t journal_store::count_sessions(const std::string& prefix) {
    return impl_->call([&] {
        auto rows = impl_->db->run("SELECT count(*) FROM reagent_sessions WHERE " + begins_with("$1", "$2"),
                                   {std::string_view{prefix}, length_of(prefix)});
        return static_cast<std::size_t>(detail::number(rows.at(0).at(0)));
    });
}

std::size_t journal_store::remove_sessions(const std::string& prefix, std::chrono::system_clock::time_point before,
                                           std::size_t most) {
    return impl_->change([&] {
        auto old = impl_->db->run(
            "SELECT id FROM reagent_sessions WHERE " + begins_with("$1", "$2") +
                " AND updated < $3 AND NOT EXISTS (SELECT 1 FROM reagent_runs WHERE session = reagent_sessions.id AND "
                "NOT " +
                ended_status + ") ORDER BY updated LIMIT $4",
            {std::string_view{prefix}, length_of(prefix), milliseconds_of(before), static_cast<std::int64_t>(most)});
        for (const auto& row : old)
            for (const char* table :
                 {"DELETE FROM reagent_turns WHERE session = $1", "DELETE FROM reagent_sessions WHERE id = $1"})
                impl_->db->run(table, {std::string_view{row[0].value()}});
        return old.size();
    });
}

std::size_t journal_store::remove_runs(const std::string& prefix, std::chrono::system_clock::time_point before,
                                       std::size_t most) {
    return impl_->change([&] {
        auto old = impl_->db->run(
            std::string{"SELECT id FROM reagent_runs WHERE "} + begins_with("$1", "$2") + " AND updated < $3 AND " +
                ended_status + " ORDER BY updated LIMIT $4",
            {std::string_view{prefix}, length_of(prefix), milliseconds_of(before), static_cast<std::int64_t>(most)});
        for (const auto& row : old)
            for (const char* table :
                 {"DELETE FROM reagent_records WHERE run = $1", "DELETE FROM reagent_decisions WHERE run = $1",
                  "DELETE FROM reagent_runs WHERE id = $1"})
                impl_->db->run(table, {std::string_view{row[0].value()}});
        return old.size();
    });
}

}  // namespace reagent
