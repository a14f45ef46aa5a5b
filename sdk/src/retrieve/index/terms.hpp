#pragma once

#include <reagent/retrieve/index.hpp>

#include <xapian.h>

#include <optional>
#include <string>
#include <string_view>

#include "state.hpp"

namespace reagent::detail {

inline constexpr Xapian::valueno id_slot = 0, checksum_slot = 1, first_field_slot = 16;
inline constexpr std::size_t most_fields = 256;  // that have slots; filters look into the passages for others

/// @throws retrieve_error(bad_options) for a language without a stemmer
Xapian::Stem stemmer_for(const std::string& language);

std::string id_term(const std::string& id);
std::string source_term(const std::string& source);
std::string value_term(const std::string& field,
                       const json::value& v);  ///< equal values, and only they, have the same one

/// A value of metadata in a slot, and back; none: it is too long for one, and stands in the passage only.
std::string slot_value(const json::value& v);
std::optional<json::value> value_in_slot(const std::string& s);

inline constexpr std::size_t most_text_on_disk = 4 * 1024 * 1024;

/// Fields that are new get slots. @param most_text bytes; a text has fewer @throws retrieve_error(bad_passage)
Xapian::Document document_of(const passage& p, const Xapian::Stem& stem, index_state& state,
                             std::size_t most_text = most_text_on_disk);

/// crc32.
std::uint32_t checksum_of(std::string_view data);
/// A passage's data is not what was stored.
[[noreturn]] void passage_damaged(const std::filesystem::path& where);

/// What was stored as this document; its checksum stands in another file, so that texts of another index are seen.
/// @throws retrieve_error(corrupt)
passage passage_in(const Xapian::Document& document, const std::filesystem::path& where);

Xapian::Query query_of_words(const std::string& text, const std::string& language, const Xapian::Stem& stem);
/// @throws retrieve_error(bad_query)
Xapian::Query query_of_operators(const std::string& text, const Xapian::Stem& stem, const Xapian::Database& database);

}  // namespace reagent::detail
