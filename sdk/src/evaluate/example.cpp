#include <reagent/evaluate/example.hpp>

#include <reagent/adapter/adapter.hpp>
#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/schema/schema.hpp>

#include "../text.hpp"
#include "../utf8.hpp"

#include <csv.h>
#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <system_error>
#include <unordered_map>

namespace reagent {
namespace {

[[noreturn]] void bad(const std::filesystem::path& file, std::size_t line, const std::string& why) {
    std::string place = file.string() + (line ? ", line " + std::to_string(line) : "");
    throw program_error{program_errc::bad_document, "examples: " + place + ": " + why, {.attempted = "reading examples", .path = place}};
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

// The types that a schema names: "integer", "null", also those of `anyOf`.
void add_types(const json::value& schema, std::vector<std::string_view>& types) {
    if (!schema.is_object()) return types.push_back("anything");
    const auto& o = schema.get_object();
    auto add = [&](const json::value& v) { types.push_back(v.is_string() ? std::string_view{v.get_string()} : "anything"); };
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
            bool numbers = std::all_of(types.begin(), types.end(), is_number) && types != std::vector<std::string_view>{"null"};
            kinds_.emplace(f.name, known{&f, numbers});
        }
    }

    // The value of a cell; `wrong` says what is not what its field wants.
    json::value of_cell(const std::string& name, const std::string& text, std::string& wrong) const {
        json::value v(json::string{text});
        auto k = kinds_.find(name);
        if (k == kinds_.end() || (!k->second.numbers && k->second.field->kind != field_kind::choice)) return v;
        if (k->second.numbers && trim(text).empty()) return nullptr;
        auto read = read_field(*k->second.field, v);
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
        bool numbers;
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
        for (std::size_t i = 0; i < cells.size(); ++i) e.fields[header[i]] = fields.of_cell(header[i], cells[i], problem);
        if (!problem.empty()) problem = "row " + std::to_string(lines) + ": " + problem;
        found.push_back(std::move(e));
    }
};

dataset read_csv(const std::filesystem::path& file, std::string_view text, const typed_fields& fields) {
    csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) throw std::bad_alloc{};
    csv_reader reader{fields};
    bool good = csv_parse(&parser, text.data(), text.size(), csv_reader::on_cell, csv_reader::on_row, &reader) == text.size() &&
                csv_fini(&parser, csv_reader::on_cell, csv_reader::on_row, &reader) == 0;
    std::string why = good ? "" : csv_strerror(csv_error(&parser));
    csv_free(&parser);
    if (!good) bad(file, reader.lines + 1, "this is no CSV: " + why);
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
        if (!v || !v->is_object()) bad(file, line, v ? "expected an object, got " + describe(*v) : "this is no JSON");
        all.push_back(from_object(std::move(v->get_object())));
    }
    return all;
}

dataset read_list(const std::filesystem::path& file, std::string_view text) {
    auto v = parse_json(text);
    if (!v) throw program_error{program_errc::not_json, "examples: " + file.string() + " is no JSON"};
    if (v->is_object() && v->get_object().contains("examples")) v = json::value(v->get_object().at("examples"));
    if (!v->is_array()) bad(file, 0, "expected a list of objects, got " + describe(*v));
    dataset all;
    for (auto& item : v->get_array()) {
        if (!item.is_object()) bad(file, 0, "example " + std::to_string(all.size() + 1) + ": expected an object, got " + describe(item));
        all.push_back(from_object(std::move(item.get_object())));
    }
    return all;
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
            throw program_error{program_errc::bad_document,
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

dataset load_examples(const std::filesystem::path& file, const std::vector<std::string>& inputs, std::span<const signature_field> fields) {
    std::string whole;
    try {
        whole = read_file(file, max_dataset_bytes, pipes::read);
    } catch (const std::system_error& e) {
        throw program_error{
            program_errc::unreadable, "the examples in \"" + file.string() + "\" cannot be read: " + e.what(), {.path = file.string()}};
    }
    std::string_view text = whole;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    std::error_code ec;
    bool has_name = file != "-" && std::filesystem::is_regular_file(file, ec);
    std::string kind = has_name || !file.extension().empty() ? file.extension().string() : kind_of(text);
    typed_fields typed{fields};
    dataset all;
    if (kind == ".csv") {
        if (!detail::is_valid_utf8(text)) bad(file, 0, "it is no UTF-8; convert it, as by: iconv -f LATIN1 -t UTF-8");
        all = read_csv(file, text, typed);
    } else if (kind == ".jsonl" || kind == ".ndjson")
        all = read_lines(file, text);
    else if (kind == ".json")
        all = read_list(file, text);
    else
        bad(file, 0, "unknown kind of file; known are .jsonl, .json and .csv");
    for (std::size_t i = 0; i < all.size(); ++i)
        if (auto wrong = typed.wrong_with(all[i]); !wrong.empty()) bad(file, 0, "example " + std::to_string(i + 1) + ": " + wrong);
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
        throw program_error{program_errc::mismatch, "split: the shares of train and dev must be from 0 and at most 1 together"};
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
        auto train = static_cast<std::size_t>(n * o.train + 0.5), dev = static_cast<std::size_t>(n * (o.train + o.dev) + 0.5);
        for (std::size_t i = 0; i < group.size(); ++i) (i < train ? s.train : i < dev ? s.dev : s.test).push_back(std::move(group[i]));
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
