#include <reagent/evaluate/example.hpp>

#include <reagent/adapter/adapter.hpp>
#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/schema/schema.hpp>

#include "../base/text.hpp"
#include "../base/utf8.hpp"

#include <csv.h>
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <system_error>
#include <unordered_map>

namespace reagent {
namespace {

[[noreturn]] void bad(const std::filesystem::path& file, std::size_t line, const std::string& why) {
    std::string place = file.string() + (line ? ", line " + std::to_string(line) : "");
    throw program_error{program_errc::bad_document,
                        "examples: " + place + ": " + why,
                        {.attempted = "reading examples", .path = place}};
}

example from_object(json::object o) {
    example e;
    auto* store = o.if_contains("_store");
    if (store && store->is_object()) {
        if (auto* keys = o.if_contains("_input_keys"); keys && keys->is_array())
            for (const auto& k : keys->get_array())
                if (k.is_string()) e.inputs.emplace_back(k.get_string());
        e.fields = std::move(store->get_object());
    } else
        e.fields = std::move(o);
    return e;
}

// "9007199254740993.0": a whole number, written out, that a double would round.
bool is_rounded_whole_number(std::string_view text) {
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    auto point = std::min(text.find('.'), text.size());
    auto whole = text.substr(0, point), rest = text.substr(std::min(point + 1, text.size()));
    auto digits = [](std::string_view t) { return t.find_first_not_of("0123456789") == t.npos; };
    if (whole.empty() || !digits(whole) || rest.find_first_not_of('0') != rest.npos) return false;
    whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size() - 1));
    if (whole.size() <= 15) return false;
    if (whole.size() > 309) return true;
    char exact[400];
    std::snprintf(exact, sizeof exact, "%.0f", std::strtod(std::string{whole}.c_str(), nullptr));
    return whole != exact;
}

// A number as people and JSON write it; "0x10" and "1_000" are others' ways.
bool is_number_text(std::string_view text) {
    auto digits = [&] {
        auto n = std::min(text.find_first_not_of("0123456789"), text.size());
        text.remove_prefix(n);
        return n > 0;
    };
    auto sign = [&] {
        if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    };
    sign();
    bool any = digits();
    if (text.starts_with('.')) text.remove_prefix(1), any = digits() || any;
    if (any && (text.starts_with('e') || text.starts_with('E'))) text.remove_prefix(1), sign(), any = digits();
    return any && text.empty();
}

// Reads JSON for what a reader of it would not notice: keys that stand twice, and numbers that are rounded.
struct unnoticed {
    static constexpr std::size_t max_object_size = SIZE_MAX, max_array_size = SIZE_MAX, max_key_size = SIZE_MAX,
                                 max_string_size = SIZE_MAX;
    using error = boost::system::error_code;

    std::vector<std::set<std::string>> open{};
    std::string part{}, problem{};
    std::vector<bool> is_list{};  // of what is open, the innermost last

    void number(std::string_view text) {
        bool plain = text.find('.') == text.npos;  // of one field: read_field tells
        if (problem.empty() && ((!is_list.empty() && is_list.back()) || !plain) && is_rounded_whole_number(text))
            problem =
                "the number " + std::string{text.substr(0, 60)} + " would be rounded; write it as a text, in quotes";
    }
    bool on_document_begin(error&) { return true; }
    bool on_document_end(error&) { return true; }
    bool on_object_begin(error&) { return open.emplace_back(), is_list.push_back(false), true; }
    bool on_object_end(std::size_t, error&) { return open.pop_back(), is_list.pop_back(), true; }
    bool on_array_begin(error&) { return is_list.push_back(true), true; }
    bool on_array_end(std::size_t, error&) { return is_list.pop_back(), true; }
    bool on_key_part(json::string_view s, std::size_t, error&) { return part.append(s), true; }
    bool on_key(json::string_view s, std::size_t, error&) {
        part.append(s);
        if (!open.back().insert(part).second && problem.empty())
            problem = "the key `" + part + "` stands twice in one object; which of them counts?";
        return part.clear(), true;
    }
    bool on_string_part(json::string_view, std::size_t, error&) { return true; }
    bool on_string(json::string_view, std::size_t, error&) { return true; }
    bool on_number_part(json::string_view, error&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, error&) { return true; }
    bool on_double(double, json::string_view text, error&) { return number(text), true; }
    bool on_bool(bool, error&) { return true; }
    bool on_null(error&) { return true; }
    bool on_comment_part(json::string_view, error&) { return true; }
    bool on_comment(json::string_view, error&) { return true; }
};

// "" or what is wrong.
std::string unnoticed_in(std::string_view text) {
    json::basic_parser<unnoticed> parser{json::parse_options{}};
    boost::system::error_code ec;
    parser.write_some(false, text.data(), text.size(), ec);
    return parser.handler().problem;
}

// The types that a schema names: "integer", "null", also those of `anyOf`.
void add_types(const json::value& schema, std::vector<std::string_view>& types) {
    if (!schema.is_object()) return types.push_back("anything");
    const auto& o = schema.get_object();
    auto add = [&](const json::value& v) {
        types.push_back(v.is_string() ? std::string_view{v.get_string()} : "anything");
    };
    if (const auto* type = o.if_contains("type"); type && type->is_array())
        for (const auto& one : type->get_array()) add(one);
    else if (type)
        add(*type);
    else if (const auto* parts = o.if_contains("anyOf"); parts && parts->is_array())
        for (const auto& part : parts->get_array()) add_types(part, types);
    else
        types.push_back("anything");
}

// The fields of numbers and booleans, and lists of choices that are no texts.
class typed_fields {
public:
    explicit typed_fields(std::span<const signature_field> fields) {
        for (const auto& f : fields) {
            std::vector<std::string_view> types;
            add_types(f.shape.document(), types);
            auto is_number = [](auto t) { return t == "integer" || t == "number" || t == "boolean" || t == "null"; };
            bool numbers =
                std::all_of(types.begin(), types.end(), is_number) && types != std::vector<std::string_view>{"null"};
            bool structured =
                std::any_of(types.begin(), types.end(), [](auto t) { return t == "array" || t == "object"; });
            kinds_.emplace(f.name, known{&f, numbers, structured});
        }
    }

    // The value of a cell; `wrong` says what is not what its field wants.
    json::value of_cell(const std::string& name, const std::string& text, std::string& wrong) const {
        json::value v(json::string{text});
        auto k = kinds_.find(name);
        if (k != kinds_.end() && k->second.structured)
            if (auto found = unnoticed_in(text); !found.empty()) wrong = std::move(found);
        if (k == kinds_.end() || (!k->second.numbers && k->second.field->kind != field_kind::choice)) return v;
        std::string own{trim(text)};
        if (k->second.numbers && own.empty()) return nullptr;
        auto read = read_field(*k->second.field, json::value(json::string(own)));
        if (k->second.numbers && read && read->is_number() && (!is_number_text(own) || is_rounded_whole_number(own)) &&
            !(!read->is_double() && is_number_text(own))) {
            wrong = "field `" + name + "`: " +
                    (is_number_text(own) ? "the number " + own + " would be rounded" : "\"" + own + "\" is no number");
            return v;
        }
        if (read) return std::move(*read);
        if (k->second.numbers) wrong = read.error().message;
        return v;  // a label that is none of the choices: what is compared with it differs
    }

    // "" or what is wrong with a number that was kept as a text.
    std::string wrong_with(const example& e) const {
        for (const auto& [name, v] : e.fields) {
            auto k = v.is_string() ? kinds_.find(name) : kinds_.end();
            if (k == kinds_.end() || !k->second.numbers) continue;
            auto read = read_field(*k->second.field, v);
            if (!read) return read.error().message;
        }
        return {};
    }

private:
    struct known {
        const signature_field* field;
        bool numbers, structured;
    };
    std::map<std::string, known, std::less<>> kinds_;
};

struct csv_reader {
    const typed_fields& fields;
    std::vector<std::string> header{}, row{};
    dataset found{};
    std::string problem{};
    std::size_t lines = 0;

    static void on_cell(void* text, std::size_t size, void* self) {
        static_cast<csv_reader*>(self)->row.emplace_back(static_cast<const char*>(text), size);
    }
    static void on_row(int, void* self) { static_cast<csv_reader*>(self)->end_row(); }

    void end_row() {
        ++lines;
        auto cells = std::exchange(row, {});
        if (cells.empty() || !problem.empty()) return;
        if (header.empty()) {
            header = std::move(cells);
            for (auto& name : header) name = std::string{trim(name)};
            auto sorted = header;
            std::sort(sorted.begin(), sorted.end());
            if (auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
                problem = "the header names the column `" + *twice + "` twice; which of them counts?";
            return;
        }
        if (cells.size() != header.size()) {
            problem = "row " + std::to_string(lines) + " has " + std::to_string(cells.size()) + " cells, the header " +
                      std::to_string(header.size());
            return;
        }
        example e;
        for (std::size_t i = 0; i < cells.size(); ++i)
            e.fields[header[i]] = fields.of_cell(header[i], cells[i], problem);
        if (!problem.empty()) problem = "row " + std::to_string(lines) + ": " + problem;
        found.push_back(std::move(e));
    }
};

dataset read_csv(const std::filesystem::path& file, std::string_view text, const typed_fields& fields) {
    csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) throw std::bad_alloc{};
    // Blanks belong to a cell (RFC 4180, section 2); the library would leave them out at its ends.
    csv_set_space_func(&parser, [](unsigned char) { return 0; });
    csv_reader reader{fields};
    bool good =
        csv_parse(&parser, text.data(), text.size(), csv_reader::on_cell, csv_reader::on_row, &reader) == text.size() &&
        csv_fini(&parser, csv_reader::on_cell, csv_reader::on_row, &reader) == 0;
    std::string why = good ? "" : csv_strerror(csv_error(&parser));
    csv_free(&parser);
    if (!good)
        bad(file, reader.lines + 1,
            "this is no CSV: " + why +
                " (a cell in quotes begins and ends with them: no blank between them and the comma)");
    if (!reader.problem.empty()) bad(file, 0, reader.problem);
    return std::move(reader.found);
}

dataset read_lines(const std::filesystem::path& file, std::string_view text) {
    dataset all;
    std::size_t line = 0;
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        std::string_view one = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++line;
        if (one.empty()) continue;
        auto v = parse_json(one);
        if (auto wrong = v ? unnoticed_in(one) : ""; !wrong.empty()) bad(file, line, wrong);
        if (!v || !v->is_object()) bad(file, line, v ? "expected an object, got " + describe(*v) : "this is no JSON");
        all.push_back(from_object(std::move(v->get_object())));
    }
    return all;
}

dataset read_list(const std::filesystem::path& file, std::string_view text) {
    auto v = parse_json(text);
    if (!v) throw program_error{program_errc::not_json, "examples: " + file.string() + " is no JSON"};
    if (auto wrong = unnoticed_in(text); !wrong.empty()) bad(file, 0, wrong);
    if (v->is_object() && v->get_object().contains("examples")) v = json::value(v->get_object().at("examples"));
    if (!v->is_array()) bad(file, 0, "expected a list of objects, got " + describe(*v));
    dataset all;
    for (auto& item : v->get_array()) {
        if (!item.is_object())
            bad(file, 0, "example " + std::to_string(all.size() + 1) + ": expected an object, got " + describe(item));
        all.push_back(from_object(std::move(item.get_object())));
    }
    return all;
}

// What the text may be, in iconv's words; "" for UTF-8.
std::string foreign_encoding(std::string_view text) {
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) return "UTF-16";
    if (text.size() > 1 && text[0] != 0 && text[1] == 0) return "UTF-16LE";
    if (text.size() > 1 && text[0] == 0 && text[1] != 0) return "UTF-16BE";
    return detail::is_valid_utf8(text) ? "" : "LATIN1";
}

// Of a pipe, which has no name that tells it.
std::string kind_of(std::string_view text) {
    auto begins = text.find_first_not_of(" \t\r\n");
    if (begins != text.npos && text[begins] == '[') return ".json";
    if (begins == text.npos || text[begins] != '{') return ".csv";
    auto line = trim(text.substr(begins, std::min(text.find('\n', begins), text.size()) - begins));
    auto first = parse_json(line);
    return first && !first->get_object().contains("examples") ? ".jsonl" : ".json";
}

std::string fingerprint(const example& e) {
    std::map<std::string_view, const json::value*> sorted;
    for (const auto& [k, v] : e.fields) sorted.emplace(k, &v);
    std::string text;
    for (const auto& [k, v] : sorted) text.append(k).append(1, '\0').append(dump_json(*v)).append(1, '\0');
    return text;
}

// The same on every machine: the standard's own distributions are not.
void shuffle(dataset& all, std::mt19937_64& random) {
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random() % i]);
}

}  // namespace

example example::with_inputs(std::vector<std::string> names) const {
    for (const auto& n : names)
        if (!fields.contains(n)) {
            std::vector<std::string> known;
            for (const auto& [k, v] : fields) known.emplace_back(k);
            auto near = did_you_mean(n, known);
            throw program_error{
                program_errc::bad_document,
                "an example has no field `" + n + "`" + (near.empty() ? "" : "; did you mean `" + near + "`?"),
                {.path = n}};
        }
    example e = *this;
    e.inputs = std::move(names);
    return e;
}

json::object example::input_fields() const {
    json::object o;
    for (const auto& n : inputs)
        if (const auto* v = fields.if_contains(n)) o[n] = *v;
    return o;
}

json::object example::labels() const {
    json::object o;
    for (const auto& [k, v] : fields)
        if (std::find(inputs.begin(), inputs.end(), k) == inputs.end()) o[k] = v;
    return o;
}

dataset load_examples(const std::filesystem::path& file, const std::vector<std::string>& inputs,
                      std::span<const signature_field> fields) {
    std::string whole;
    try {
        whole = read_file(file, max_dataset_bytes, pipes::read);
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unreadable,
                            "the examples in \"" + file.string() + "\" cannot be read: " + e.what(),
                            {.path = file.string()}};
    }
    std::string_view text = whole;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::error_code ec;
    bool has_name = file != "-" && std::filesystem::is_regular_file(file, ec);
    std::string kind = has_name || !file.extension().empty() ? file.extension().string() : kind_of(text);
    typed_fields typed{fields};
    dataset all;
    if (auto encoding = foreign_encoding(text); !encoding.empty())
        bad(file, 0, "it is no UTF-8; convert it, as by: iconv -f " + encoding + " -t UTF-8");
    if (kind == ".csv")
        all = read_csv(file, text, typed);
    else if (kind == ".jsonl" || kind == ".ndjson")
        all = read_lines(file, text);
    else if (kind == ".json")
        all = read_list(file, text);
    else
        bad(file, 0, "unknown kind of file; known are .jsonl, .json and .csv");
    for (std::size_t i = 0; i < all.size(); ++i)
        if (auto wrong = typed.wrong_with(all[i]); !wrong.empty())
            bad(file, 0, "example " + std::to_string(i + 1) + ": " + wrong);
    if (all.empty()) bad(file, 0, "there is no example in it");
    if (!inputs.empty())
        for (std::size_t i = 0; i < all.size(); ++i) {
            try {
                all[i] = all[i].with_inputs(inputs);
            } catch (const program_error& e) {
                bad(file, 0, "example " + std::to_string(i + 1) + ": " + e.what());
            }
        }
    return all;
}

dataset_split split_examples(dataset all, const split_options& o) {
    if (!(o.train >= 0 && o.dev >= 0 && o.train + o.dev <= 1 + 1e-9))
        throw program_error{program_errc::mismatch,
                            "split: the shares of train and dev must be from 0 and at most 1 together"};
    std::mt19937_64 random{o.seed};
    shuffle(all, random);
    std::map<std::string, dataset> groups;
    for (auto& e : all) {
        const auto* by = o.stratify_by.empty() ? nullptr : e.find(o.stratify_by);
        groups[by ? dump_json(*by) : ""].push_back(std::move(e));
    }
    dataset_split s;
    for (auto& [value, group] : groups) {
        auto n = static_cast<double>(group.size());
        auto train = static_cast<std::size_t>(n * o.train + 0.5),
             dev = static_cast<std::size_t>(n * (o.train + o.dev) + 0.5);
        for (std::size_t i = 0; i < group.size(); ++i)
            (i < train ? s.train : i < dev ? s.dev : s.test).push_back(std::move(group[i]));
    }
    for (auto [part, name] : {std::pair{&s.train, "train"}, std::pair{&s.dev, "dev"}, std::pair{&s.test, "test"}}) {
        shuffle(*part, random);
        for (auto& e : *part) e.split = name;
    }
    return s;
}

std::vector<std::pair<std::size_t, std::size_t>> shared_examples(const dataset& a, const dataset& b) {
    std::unordered_map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < a.size(); ++i) known.emplace(fingerprint(a[i]), i);
    std::vector<std::pair<std::size_t, std::size_t>> shared;
    for (std::size_t i = 0; i < b.size(); ++i)
        if (auto found = known.find(fingerprint(b[i])); found != known.end()) shared.emplace_back(found->second, i);
    return shared;
}

}  // namespace reagent
