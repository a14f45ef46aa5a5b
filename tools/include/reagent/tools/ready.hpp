#pragma once

#include <reagent/secret.hpp>
#include <reagent/tools/sql.hpp>
#include <reagent/tools/tool.hpp>

#include <filesystem>
#include <string>
#include <vector>

/// Tools that are ready to use. All of them only read. What they let in and out, for a run's `flow_policy`: databases,
/// files and documents are untrusted and private, `http_get` is untrusted and acts (its URL tells a server what the
/// model writes), the others are nothing of that; `tool::with_flow` declares one otherwise.
namespace reagent::ready {

/// Arithmetic on decimal numbers: + - * / ^ %, parentheses, comparisons, `_pi`, and functions (sqrt, min, ln, round,
/// mod, ...). Whole numbers are exact as far as 95 digits; other results have the shortest digits that read back as the
/// same double. What is neither begins with "about".
tool calculator();

/// For `time_limit`: a query may take as long as it likes. Zero and less are refused, as they would be that by mistake.
inline constexpr auto no_time_limit = std::chrono::milliseconds::max();

struct sqlite_options {
    std::size_t max_rows = 100;                          ///< of one answer; the model is told when there are more
    std::size_t max_bytes = 256 * 1024;                  ///< of one answer
    std::chrono::milliseconds time_limit{5'000};         ///< of one query; above zero, or `no_time_limit`
    std::size_t max_value_bytes = 1024 * 1024;           ///< of a value, and of a row that one is read from
    std::size_t max_temporary_bytes = 64 * 1024 * 1024;  ///< that a query sorts, groups and keeps, in memory
    std::size_t listed_values =
        25;  ///< a column of `policy.listed_columns` is described with its values, if it has no more

    /// What a statement may do; its dialect is set to SQLite. Default: any table and view, the harmless functions.
    std::optional<sql::policy> policy{};
};

/// One SELECT over an SQLite database, as far as `sql::check` allows it. The file is opened read-only; in front of
/// tables with denied columns stand views without them, and SQLite's authorizer and the compiled program are held
/// against the policy besides, so that a statement reads nothing else even if the check were wrong. The description
/// lists the tables and columns that may be read.
/// @throws tool_error(bad_configuration) when the file cannot be opened, or does not have what the policy names
tool sqlite_query(const std::filesystem::path& database, sqlite_options options = {});

struct postgres_options {
    sql::policy policy{};                ///< `allowed_tables` must not be empty
    std::size_t max_rows = 100;          ///< of one answer; the model is told when there are more
    std::size_t max_bytes = 256 * 1024;  ///< of one answer; a single row is received before it is found too large
    std::chrono::milliseconds time_limit{5'000};  ///< of one query, kept by the server; above zero, or `no_time_limit`
    std::size_t max_temporary_bytes =
        256 * 1024 * 1024;  ///< of files that a query sorts and keeps in, where the user may set the limit
    bool without_wall =
        false;  ///< the user may do more than the policy wants; the check of statements is enough for you
};

/// One SELECT over a PostgreSQL database, as far as `sql::safe` allows it: what runs is the rewritten statement, in
/// which nothing denied exists ("ran" in the result), in a transaction that is read-only, has a statement timeout, sees
/// the policy's schemas only, and is rolled back. Asynchronous on the run's thread; connections are kept for the next
/// query, without anything that the last one left. The tables' columns are read now, blocking. Give it a user that may
/// read only what a model may read: that is the wall, this is the guard in front of it. Whether the user stands behind
/// one is asked now (`sql::probe_wall`); `sql::grants` makes such a user.
///
/// @param conninfo as libpq takes it: "postgresql://reader:...@host/shop" or "host=... dbname=..."; never shown nor
/// logged
/// @throws tool_error(bad_configuration) when the database cannot be reached, no table is allowed, it does not have
/// what the policy names, or the user may do more than the policy wants: the message lists what, and the statements
/// that close it
tool postgres_query(secret conninfo, postgres_options options);

struct search_options {
    std::size_t max_results = 5;
    std::size_t snippet_bytes = 400;
    std::size_t max_file_bytes =
        4 * 1024 * 1024;             ///< larger files are not indexed; the description says how many those are
    std::size_t max_files = 10'000;  ///< more are an error
    std::size_t max_bytes = 256 * 1024 * 1024;  ///< of all; more is an error
};

/// Full-text search in the .txt and .md files of a folder and its subfolders, which are read now into a `memory_index`
/// (reagent/retrieve/memory_index.hpp), each as one passage; needs reagent::retrieve. A link that leads out of the
/// folder is no document. Answers with names, scores and snippets. @throws tool_error(bad_configuration)
tool document_search(const std::filesystem::path& folder, search_options options = {});

/// The text of a file under `root`; neither `..` nor a symbolic link leads out of it.
tool read_file(const std::filesystem::path& root, std::size_t max_bytes = 64 * 1024);

/// The date and time in UTC, through the run's clock.
tool current_time();

struct http_get_options {
    std::vector<std::string> hosts;             ///< those that may be asked, as "example.org" or "127.0.0.1:8080"
    std::size_t max_bytes = 64 * 1024;          ///< of the body that the model is shown
    std::chrono::milliseconds timeout{15'000};  ///< zero and less: no limit
};

/// GET of an http or https URL on an allowed host. Redirects are reported, not followed.
tool http_get(http_get_options options);

}  // namespace reagent::ready
