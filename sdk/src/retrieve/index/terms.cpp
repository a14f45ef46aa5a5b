#include "terms.hpp"

#include "../../base/utf8.hpp"

#include <openssl/evp.h>
#include <zlib.h>
#include <boost/json.hpp>

#include <charconv>
#include <cmath>
#include <cstring>
#include <set>

namespace reagent::detail {
namespace {

constexpr std::size_t most_id = 1024, most_members = 1000, longest_term = 200, longest_in_slot = 200,
                      longest_word = 200, longest_query = 32 * 1024, title_weight = 2;

[[noreturn]] void bad(const passage& p, const std::string& why) {
    throw retrieve_error{retrieve_errc::bad_passage,
                         "the passage \"" + p.id.substr(0, 100) + "\" cannot be stored: " + why};
}

std::string digest_of(std::string_view text) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    ::EVP_Digest(text.data(), text.size(), sum, &size, ::EVP_sha256(), nullptr);
    return {reinterpret_cast<const char*>(sum), size};
}

// Xapian's terms have at most 245 bytes.
std::string short_term(std::string_view prefix, const std::string& text) {
    if (text.size() <= longest_term) return std::string{prefix} + ":" + text;
    return std::string{prefix} + "#" + digest_of(text);
}

std::string checksum_text(std::string_view data) {
    const auto sum = checksum_of(data);
    return {reinterpret_cast<const char*>(&sum), sizeof sum};
}

std::string number_text(const json::value& v) {
    if (v.is_int64()) return std::to_string(v.get_int64());
    if (v.is_uint64()) return std::to_string(v.get_uint64());
    const double d = v.get_double();
    if (d == std::floor(d) && d >= -0x1p63 && d < 0x1p64)
        return d < 0 ? std::to_string(static_cast<std::int64_t>(d)) : std::to_string(static_cast<std::uint64_t>(d));
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, d).ptr};
}

bool is_storable(const json::value& v, int level = 0) {
    if (level > 16) return false;
    if (v.is_double()) return std::isfinite(v.get_double());
    if (v.is_string()) return is_valid_utf8(v.get_string());
    if (v.is_array())
        return std::all_of(v.get_array().begin(), v.get_array().end(),
                           [&](const json::value& e) { return is_storable(e, level + 1); });
    if (!v.is_object()) return true;
    return std::all_of(v.get_object().begin(), v.get_object().end(),
                       [&](const auto& m) { return is_valid_utf8(m.key()) && is_storable(m.value(), level + 1); });
}

void check(const passage& p, std::size_t most_text) {
    if (p.id.empty()) bad(p, "it has no id");
    if (p.id.size() > most_id) bad(p, "its id has more than " + std::to_string(most_id) + " bytes");
    if (p.text.size() >= most_text) bad(p, "it has " + std::to_string(most_text) + " bytes of text or more");
    for (const auto* text : {&p.id, &p.text, &p.title, &p.source})
        if (!is_valid_utf8(*text)) bad(p, "it is no UTF-8");
    if (p.title.size() > most_text || p.source.size() > most_text) bad(p, "its title or source is too long");
    if (p.metadata.size() > most_members)
        bad(p, "its metadata have more than " + std::to_string(most_members) + " members");
    if (!is_storable(p.metadata))
        bad(p, "its metadata hold a number that is none, text that is no UTF-8, or more than 16 levels");
}

template <class Generator>
void index_words(Generator& generator, const Xapian::Stem& stem) {
    generator.set_stemmer(stem);
    generator.set_stemming_strategy(Xapian::TermGenerator::STEM_SOME);
    generator.set_flags(Xapian::TermGenerator::FLAG_CJK_NGRAM);
    generator.set_max_word_length(longest_word);
}

bool is_stop_word(const std::string& word) {
    static const std::set<std::string, std::less<>> words{
        "a",    "an",  "and",  "are",  "as",   "at",    "be",    "by",  "do",   "does", "for",
        "from", "how", "in",   "is",   "it",   "of",    "on",    "or",  "that", "the",  "this",
        "to",   "was", "were", "what", "when", "where", "which", "who", "with"};
    return words.contains(word);
}

}  // namespace

Xapian::Stem stemmer_for(const std::string& language) {
    try {
        return Xapian::Stem{language};
    } catch (const Xapian::InvalidArgumentError&) {
        throw retrieve_error{retrieve_errc::bad_options, "there is no stemmer for the language \"" + language +
                                                             "\"; there are none, " +
                                                             Xapian::Stem::get_available_languages()};
    }
}

std::string id_term(const std::string& id) { return short_term("Q", id); }
std::string source_term(const std::string& source) { return short_term("F", source); }

std::string value_term(const std::string& field, const json::value& v) {
    std::string text = std::to_string(field.size()) + ":" + field;
    if (v.is_number())
        text += "n" + number_text(v);
    else if (v.is_string())
        text += "s" + std::string{v.get_string()};
    else
        text += v.is_null() ? "0" : v.get_bool() ? "t" : "f";
    return short_term("XV", text);
}

std::string slot_value(const json::value& v) {
    if (v.is_string()) return v.get_string().size() > longest_in_slot ? "L" : "s" + std::string{v.get_string()};
    if (v.is_bool()) return v.get_bool() ? "t" : "f";
    if (v.is_null()) return "0";
    auto bytes = [](char kind, auto number) {
        std::string text(9, kind);
        std::memcpy(text.data() + 1, &number, 8);
        return text;
    };
    if (v.is_double()) return bytes('d', v.get_double());
    return v.is_int64() ? bytes('i', v.get_int64()) : bytes('u', v.get_uint64());
}

std::optional<json::value> value_in_slot(const std::string& s) {
    auto number = [&](auto n) -> std::optional<json::value> {
        if (s.size() != 9) return std::nullopt;
        std::memcpy(&n, s.data() + 1, 8);
        return json::value(n);
    };
    switch (s.empty() ? 'L' : s[0]) {
        case 's': return json::value(std::string_view{s}.substr(1));
        case 't': return json::value(true);
        case 'f': return json::value(false);
        case '0': return json::value(nullptr);
        case 'd': return number(double{});
        case 'i': return number(std::int64_t{});
        case 'u': return number(std::uint64_t{});
        default: return std::nullopt;
    }
}

Xapian::Document document_of(const passage& p, const Xapian::Stem& stem, index_state& state, std::size_t most_text) {
    check(p, most_text);
    Xapian::Document document;
    Xapian::TermGenerator generator;
    index_words(generator, stem);
    generator.set_document(document);
    if (!p.title.empty()) {
        generator.index_text(p.title, title_weight);
        generator.increase_termpos();
    }
    generator.index_text(p.text);
    document.add_boolean_term(id_term(p.id));
    if (!p.source.empty()) document.add_boolean_term(source_term(p.source));
    document.add_value(id_slot, p.id);
    for (const auto& [name, v] : p.metadata) {
        if (v.is_structured()) continue;
        const std::string field{name};
        document.add_boolean_term(value_term(field, v));
        if (!state.fields.contains(field) && state.fields.size() < most_fields)
            state.fields[field] = first_field_slot + static_cast<std::uint32_t>(state.fields.size());
        if (const auto slot = state.fields.find(field); slot != state.fields.end())
            document.add_value(slot->second, slot_value(v));
    }
    json::object stored = to_json(p);
    stored.erase("score");
    const auto data = json::serialize(stored);
    document.set_data(data);
    document.add_value(checksum_slot, checksum_text(data));
    return document;
}

std::uint32_t checksum_of(std::string_view data) {
    return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

void passage_damaged(const std::filesystem::path& where) {
    throw retrieve_error{retrieve_errc::corrupt,
                         (where / "docdata.glass").string() + " is damaged: a passage is not what was stored"};
}

passage passage_in(const Xapian::Document& document, const std::filesystem::path& where) {
    const auto data = document.get_data();
    if (document.get_value(checksum_slot) != checksum_text(data)) passage_damaged(where);
    return passage_from_json(json::parse(data));
}

Xapian::Query query_of_words(const std::string& text, const std::string& language, const Xapian::Stem& stem) {
    Xapian::Document asked;
    Xapian::TermGenerator generator;
    index_words(generator, stem);
    generator.set_document(asked);
    generator.index_text_without_positions(valid_utf8(text.substr(0, longest_query)));
    std::map<std::string, Xapian::termcount> counts;
    for (auto t = asked.termlist_begin(); t != asked.termlist_end(); ++t) counts[*t] = t.get_wdf();
    std::vector<Xapian::Query> all, wanted;
    for (const auto& [word, n] : counts) {
        if (word.starts_with('Z')) continue;
        const std::string stemmed = "Z" + stem(word);
        const auto& used = counts.contains(stemmed) ? stemmed : word;  // words that are not stemmed have no such term
        all.emplace_back(used, n);
        if (language != "english" || !is_stop_word(word)) wanted.push_back(all.back());
    }
    const auto& chosen = wanted.empty() ? all : wanted;
    return Xapian::Query{Xapian::Query::OP_OR, chosen.begin(), chosen.end()};
}

namespace {

[[noreturn]] void unreadable(const std::string& why) {
    throw retrieve_error{retrieve_errc::bad_query, "the query cannot be read: " + why};
}

// What Xapian's parser passes over: quotation marks and brackets without a partner or anything in them, operators
// without a word.
void check_operators(const std::string& text) {
    auto says_something = [&](std::size_t begin, std::size_t end) {
        return std::any_of(text.begin() + static_cast<std::ptrdiff_t>(begin),
                           text.begin() + static_cast<std::ptrdiff_t>(end),
                           [](unsigned char c) { return c >= 0x80 || std::isalnum(c) || c == '_'; });
    };
    auto is_blank = [](unsigned char c) { return std::isspace(c) != 0; };
    if (std::all_of(text.begin(), text.end(), is_blank)) return;  // no query at all: nothing is found
    if (!says_something(0, text.size())) unreadable("it has no word");
    std::vector<std::size_t> open;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        const bool first = at == 0 || is_blank(text[at - 1]) || text[at - 1] == '(';
        const bool last = at + 1 == text.size() || is_blank(text[at + 1]) || text[at + 1] == ')';
        if (c == '"') {
            const auto end = text.find('"', at + 1);
            if (end == text.npos) unreadable("a quotation mark has no partner");
            if (!says_something(at, end)) unreadable("a phrase has no word");
            at = end;
        } else if (c == '(')
            open.push_back(at);
        else if (c == ')') {
            if (open.empty()) unreadable("a bracket is closed that was not opened");
            if (!says_something(open.back(), at)) unreadable("brackets have no word between them");
            open.pop_back();
        } else if (first && last && (c == '+' || c == '-' || c == '*'))
            unreadable(std::string{"\""} + c + "\" has no word");
    }
    if (!open.empty()) unreadable("a bracket is not closed");
}

}  // namespace

Xapian::Query query_of_operators(const std::string& text, const Xapian::Stem& stem, const Xapian::Database& database) {
    using parser_type = Xapian::QueryParser;
    check_operators(text);
    parser_type parser;
    parser.set_stemmer(stem);
    parser.set_stemming_strategy(parser_type::STEM_SOME);
    parser.set_database(database);
    parser.set_max_expansion(100, Xapian::Query::WILDCARD_LIMIT_MOST_FREQUENT);
    try {
        return parser.parse_query(valid_utf8(text.substr(0, longest_query)),
                                  parser_type::FLAG_BOOLEAN | parser_type::FLAG_PHRASE | parser_type::FLAG_LOVEHATE |
                                      parser_type::FLAG_WILDCARD | parser_type::FLAG_PURE_NOT |
                                      parser_type::FLAG_CJK_NGRAM);
    } catch (const Xapian::QueryParserError& e) {
        unreadable(e.get_msg());
    }
}

}  // namespace reagent::detail
