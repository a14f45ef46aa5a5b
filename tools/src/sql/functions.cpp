// What a model's SELECT may call.
//
// A function is listed when every overload of its name, in PostgreSQL 15's pg_catalog or in SQLite,
//  - reads its arguments, the clock, random numbers and the session's formats (time zone, locale, DateStyle, text
//  search
//    configuration), and nothing else: no table, file, setting, large object, sequence or catalog;
//  - changes nothing: no sequence, setting, lock, signal, file, notification or seed;
//  - tells nothing about the server, its sessions, roles and objects;
//  - executes no text and takes none for the name of a relation or a type: text casts to regclass by itself;
//  - runs no code that came with the statement;
//  - needs time and memory by the size of its input.
//
// Exceptions to the last, because honest statements need them: generate_series, repeat, lpad, rpad, a width in format
// and printf, `.**` in jsonpath, regular expressions; the executor's limits end those. translate, a trim of given
// characters, and the search for a text (strpos, position, replace, split_part, string_to_array) may take the product
// of two lengths, and PostgreSQL looks at no statement_timeout and no cancel request meanwhile: seconds need texts of
// some 100,000 characters, which repeat and string_agg can make.
//
// tests/tools/sql_functions_test.cpp compares the lists with the catalogs; tests/tools/refused_functions.txt says why
// the others are not here. `x.f` is `f(x)` in PostgreSQL, so what is listed may be called on any row, too.
//
// Sources: PostgreSQL 15 documentation, chapter 9, and pg_proc; SQLite, "Built-in Scalar SQL Functions", "Aggregate",
// "Window", "Math", "Date And Time", "JSON".
#include "rules.hpp"

#include <sstream>

namespace reagent::sql {
namespace {

std::set<std::string> words(const char* text) {
    std::istringstream in{text};
    std::set<std::string> all;
    for (std::string word; in >> word;) all.insert(word);
    return all;
}

}  // namespace

// clang-format off
const std::set<std::string>& harmless_functions(dialect d) {
    static const std::set<std::string> postgres = words(
        // Mathematics.
        "abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees div exp "
        "factorial floor gcd lcm ln log log10 min_scale mod pi pow power radians random round scale sign sin sind sinh sqrt tan tand "
        "tanh trim_scale trunc width_bucket "
        // Text.
        "ascii bit_length btrim char_length character_length chr concat concat_ws format initcap is_normalized left length like "
        "like_escape lower lpad ltrim normalize notlike octet_length overlay parse_ident position quote_ident quote_literal "
        "quote_nullable repeat replace reverse right rpad rtrim similar_escape similar_to_escape split_part starts_with "
        "string_to_array string_to_table strpos substr substring to_ascii to_hex translate unistr upper "
        // Regular expressions.
        "regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table "
        "regexp_substr "
        // Bytes, bits, hashes, encodings.
        "bit_count convert convert_from convert_to decode encode get_bit get_byte hashtext hashtextextended md5 set_bit set_byte sha224 "
        "sha256 sha384 sha512 "
        // Date and time. age(xid) tells how many transactions ago a row was written, and nothing else.
        "age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours justify_interval make_date "
        "make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp timeofday timezone "
        "transaction_timestamp "
        // From one type to another; also casts that are written as a call.
        "bool cash_words char date float4 float8 int2 int4 int8 interval money name numeric text time timestamp timestamptz timetz "
        "to_char to_date to_number to_timestamp varbit varchar "
        // Sizes as people read them, of a number and not of a table.
        "pg_size_pretty "
        // UUID.
        "gen_random_uuid "
        // NULL.
        "num_nonnulls num_nulls "
        // Rows for FROM.
        "generate_series generate_subscripts unnest "
        // Arrays.
        "array_append array_cat array_dims array_length array_lower array_ndims array_position array_positions array_prepend "
        "array_remove array_replace array_to_string array_upper cardinality trim_array "
        // JSON.
        "array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each "
        "json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_strip_nulls json_typeof "
        "jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_concat "
        "jsonb_contained jsonb_contains jsonb_delete jsonb_delete_path jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all "
        "jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists "
        "jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz "
        "jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls "
        "jsonb_typeof row_to_json to_json to_jsonb "
        // Full text search. A regconfig only chooses among the parsers and dictionaries that the owner set up.
        "array_to_tsvector json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery querytree setweight strip "
        "to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsquery_phrase tsvector_to_array "
        "websearch_to_tsquery "
        // Ranges; lower and upper stand above.
        "datemultirange daterange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf multirange "
        "nummultirange numrange range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc upper_inf "
        // Network addresses.
        "abbrev broadcast cidr family host hostmask inet_merge inet_same_family macaddr macaddr8 macaddr8_set7bit masklen netmask "
        "network set_masklen "
        // Geometry, without polygon(points, circle), which makes as many points as it is told.
        "area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen isparallel isperp isvertical line lseg "
        "npoints path pclose point popen radius slope width "
        // Aggregates.
        "array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every json_agg json_object_agg jsonb_agg "
        "jsonb_object_agg max min mode percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_count "
        "regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp "
        "variance "
        // Windows.
        "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number");

    static const std::set<std::string> sqlite = words(
        // Mathematics.
        "abs acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power radians "
        "random round sign sin sinh sqrt tan tanh trunc "
        // Text.
        "char concat concat_ws format glob hex instr length like lower ltrim octet_length printf quote replace rtrim soundex substr "
        "substring trim unhex unicode unistr unistr_quote upper "
        // NULL, conditions, types.
        "coalesce if ifnull iif likelihood likely max min nullif typeof unlikely "
        // Date and time; the keywords are calls.
        "current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch "
        // JSON; json_each and json_tree as tables are the check's to judge.
        "-> ->> json json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object "
        "json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type json_valid "
        "jsonb jsonb_array jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove "
        "jsonb_replace jsonb_set "
        // Aggregates; max and min stand above.
        "avg count group_concat string_agg sum total "
        // Windows.
        "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number");
    return d == dialect::postgres ? postgres : sqlite;
}

const std::set<std::string>& set_returning_functions() {
    static const std::set<std::string> all = words(
        "aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each json_each_text "
        "json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each "
        "jsonb_each_text jsonb_object_keys jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset "
        "pg_available_extension_versions pg_available_extensions pg_config pg_cursor pg_event_trigger_ddl_commands "
        "pg_event_trigger_dropped_objects pg_extension_update_paths pg_get_backend_memory_contexts pg_get_catalog_foreign_keys "
        "pg_get_keywords pg_get_multixact_members pg_get_publication_tables pg_get_replication_slots pg_get_shmem_allocations "
        "pg_get_wal_resource_managers pg_hba_file_rules pg_ident_file_mappings pg_listening_channels pg_lock_status "
        "pg_logical_slot_get_binary_changes pg_logical_slot_get_changes pg_logical_slot_peek_binary_changes "
        "pg_logical_slot_peek_changes pg_ls_archive_statusdir pg_ls_dir pg_ls_logdir pg_ls_logicalmapdir pg_ls_logicalsnapdir "
        "pg_ls_replslotdir pg_ls_tmpdir pg_ls_waldir pg_mcv_list_items pg_options_to_table pg_partition_ancestors pg_partition_tree "
        "pg_prepared_statement pg_prepared_xact pg_show_all_file_settings pg_show_all_settings pg_show_replication_origin_status "
        "pg_snapshot_xip pg_stat_get_activity pg_stat_get_backend_idset pg_stat_get_progress_info pg_stat_get_recovery_prefetch "
        "pg_stat_get_slru pg_stat_get_subscription pg_stat_get_wal_senders pg_tablespace_databases pg_timezone_abbrevs "
        "pg_timezone_names regexp_matches regexp_split_to_table string_to_table ts_debug ts_parse ts_stat ts_token_type "
        "txid_snapshot_xip unnest");
    return all;
}

const std::set<std::string>& aggregate_functions() {
    static const std::set<std::string> all = words(
        "array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every json_agg json_object_agg jsonb_agg "
        "jsonb_object_agg max min mode percentile_cont percentile_disc range_agg range_intersect_agg regr_avgx regr_avgy regr_count "
        "regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp "
        "variance xmlagg");
    return all;
}
// clang-format on

const std::map<std::string, std::vector<std::string>>& function_columns() {
    static const std::map<std::string, std::vector<std::string>> all{
        {"json_array_elements", {"value"}},  {"json_array_elements_text", {"value"}},
        {"json_each", {"key", "value"}},     {"json_each_text", {"key", "value"}},
        {"jsonb_array_elements", {"value"}}, {"jsonb_array_elements_text", {"value"}},
        {"jsonb_each", {"key", "value"}},    {"jsonb_each_text", {"key", "value"}},
    };
    return all;
}

// PostgreSQL's types that hold what they show. Not those whose input looks something up (regclass) or that are made of
// other data (a table's row).
const std::set<std::string>& harmless_types() {
    static const std::set<std::string> all = words(
        "bit bool box bpchar bytea char cidr circle date daterange float4 float8 inet int2 int4 int4range int8 "
        "int8range "
        "interval json jsonb jsonpath line lseg macaddr macaddr8 money name numeric numrange path point polygon "
        "regconfig text "
        "time timestamp timestamptz timetz tsquery tsrange tstzrange tsvector uuid varbit varchar datemultirange "
        "int4multirange "
        "int8multirange nummultirange tsmultirange tstzmultirange");
    return all;
}

}  // namespace reagent::sql
