#include "python_type.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::detail {
namespace {

// What a name means. `generic` names take arguments; `needs_arguments` ones mean nothing without.
struct known_type {
    std::string_view name, printed;
    bool generic = false, needs_arguments = false;
};
constexpr known_type known_types[]{
    {"str", "str"},
    {"int", "int"},
    {"float", "float"},
    {"bool", "bool"},
    {"bytes", "bytes"},
    {"bytearray", "bytearray"},
    {"complex", "complex"},
    {"Any", "Any"},
    {"list", "list", true},
    {"dict", "dict", true},
    {"tuple", "tuple", true},
    {"set", "set", true},
    {"frozenset", "frozenset", true},
    {"List", "list", true, true},
    {"Dict", "dict", true, true},
    {"Tuple", "tuple", true, true},
    {"Set", "set", true, true},
    {"FrozenSet", "frozenset", true, true},
    {"Sequence", "Sequence", true, true},
    {"Iterable", "Iterable", true, true},
    {"Mapping", "Mapping", true, true},
    {"Optional", "Optional", true, true},
    {"Union", "Union", true, true},
    {"Literal", "Literal", true, true},
    {"Annotated", "Annotated", true, true},
};

// Modules whose types are known by their last name.
constexpr std::string_view dspy_types[]{"Image", "Audio", "History",  "Tool",     "ToolCalls",
                                        "File",  "Code",  "Document", "Citations"};
constexpr std::string_view library_types[]{
    "datetime.datetime", "datetime.date", "datetime.time",     "datetime.timedelta", "decimal.Decimal", "uuid.UUID",
    "pathlib.Path",      "enum.Enum",     "pydantic.EmailStr", "pydantic.AnyUrl",    "pydantic.HttpUrl"};

const known_type* find_known(std::string_view name) {
    for (const auto& k : known_types)
        if (k.name == name) return &k;
    return nullptr;
}

std::string hint_for(std::string_view name, const named_types& types) {
    static const std::map<std::string, std::string, std::less<>> foreign{
        {"string", "str"}, {"String", "str"},         {"text", "str"},           {"integer", "int"},
        {"long", "int"},   {"double", "float"},       {"number", "float"},       {"boolean", "bool"},
        {"any", "Any"},    {"object", "dict or Any"}, {"array", "list"},         {"vector", "list"},
        {"map", "dict"},   {"null", "None"},          {"date", "datetime.date"}, {"datetime", "datetime.datetime"}};
    if (auto f = foreign.find(name); f != foreign.end()) return "did you mean `" + f->second + "`?";
    std::vector<std::string> candidates;
    for (const auto& k : known_types) candidates.emplace_back(k.name);
    for (const auto& [key, value] : types) candidates.push_back(key);
    if (auto near = did_you_mean(name, candidates); !near.empty()) return "did you mean `" + near + "`?";
    return "known types are str, int, float, bool, list, dict, tuple, Optional, Union, Literal and those given by name";
}

python_type none_type() { return {"NoneType", {}, {}, false}; }

python_type make_union(std::vector<python_type> parts) {
    std::vector<python_type> flat;
    for (auto& p : parts) {
        auto add = [&](python_type t) {
            if (std::find(flat.begin(), flat.end(), t) == flat.end()) flat.push_back(std::move(t));
        };
        if (p.name == "Union" && p.subscripted)
            for (auto& inner : p.args) add(std::move(inner));
        else
            add(std::move(p));
    }
    if (flat.size() == 1) return std::move(flat.front());
    return {"Union", std::move(flat), {}, true};
}

class type_parser {
public:
    type_parser(lexer& in, const named_types& types) : in_{in}, types_{types} {}

    python_type parse(bool nested) {
        if (++depth_ > 32) in_.fail("types are nested too deeply", "32 levels are allowed");
        std::vector<python_type> parts{single(nested)};
        std::size_t plain_none = parts[0].name == "NoneType" ? 1 : 0;
        while (in_.accept("|")) {
            parts.push_back(single(false));
            plain_none += parts.back().name == "NoneType" ? 1 : 0;
            if (plain_none == 2 && parts.size() == 2) in_.fail("`None | None` is no type", "write `None` once");
        }
        --depth_;
        return parts.size() == 1 ? std::move(parts[0]) : make_union(std::move(parts));
    }

private:
    python_type single(bool nested) {
        token t = in_.peek();
        if (in_.accept("(")) {
            auto inside = parse(nested);
            in_.expect(")", "close the parenthesis");
            return inside;
        }
        if (t.kind == token::string && (nested || before_bar())) {  // a forward reference, as in list['int']
            in_.take();
            lexer inner{t.text, 0, t.text.size()};
            try {
                type_parser p{inner, types_};
                p.depth_ = depth_;
                auto result = p.parse(true);
                if (inner.peek().kind != token::end) inner.fail("unexpected text");
                return result;
            } catch (const signature_error& e) {
                lexer::fail_at(t.position, "the quoted type `" + t.text + "` cannot be read", e.hint(),
                               signature_errc::unknown_type);
            }
        }
        if (t.kind != token::name) {
            std::string what =
                t.kind == token::end ? "the text ends where a type should stand" : "`" + t.text + "` is no type";
            in_.fail(what, "write `name: str` or leave `:` out");
        }
        in_.take();
        std::string name = t.text;
        while (in_.peek().is(".")) {
            in_.take();
            if (in_.peek().kind != token::name) in_.fail("a name must follow `.`");
            name += "." + in_.take().text;
        }
        if (name == "None") return none_type();
        if (is_python_keyword(name))
            lexer::fail_at(t.position, "`" + name + "` is a Python keyword, no type", hint_for(name, types_));
        return subscript(resolve(name, t.position), t.position);
    }

    bool before_bar() const {
        lexer ahead = in_;
        ahead.take();
        return ahead.peek().is("|");
    }

    python_type resolve(const std::string& name, std::size_t position) {
        if (types_.find(name) != types_.end()) return {name, {}, {}, false};
        if (name.starts_with("dspy.")) {
            std::string last = name.substr(5);
            if (last == "Reasoning") return {"Reasoning", {}, {}, false};
            for (auto d : dspy_types)
                if (d == last) return {last, {}, {}, false};
        }
        for (auto l : library_types)
            if (l == name) return {name.substr(name.find('.') + 1), {}, {}, false};
        std::string_view plain = name;
        if (plain.starts_with("typing.")) plain.remove_prefix(7);
        if (auto* k = find_known(plain); k && (plain.size() == name.size() || k->needs_arguments || plain == "Any")) {
            if (k->needs_arguments && !in_.peek().is("["))
                lexer::fail_at(position, "`" + name + "` needs arguments",
                               "write " + name + (k->name == "Literal" ? "['a', 'b']" : "[...]"),
                               signature_errc::unknown_type);
            return {std::string{k->printed}, {}, {}, false};
        }
        lexer::fail_at(position, "unknown type `" + name + "`", hint_for(name, types_), signature_errc::unknown_type);
    }

    python_type subscript(python_type t, std::size_t position) {
        if (!in_.peek().is("[")) {
            if (in_.peek().is("(")) in_.fail("a type cannot be called", "leave the parentheses out");
            return t;
        }
        const known_type* k = nullptr;
        for (const auto& candidate : known_types)
            if (candidate.printed == t.name && candidate.generic) k = &candidate;
        if (!k) in_.fail("`" + t.name + "` takes no arguments");
        in_.take();
        t.subscripted = true;
        if (t.name == "Literal") return literal(std::move(t), position);
        if (t.name == "tuple" && in_.accept("(")) {  // tuple[()]
            in_.expect(")", "");
            in_.expect("]", "close the brackets of `tuple`");
            return t;
        }
        while (!in_.peek().is("]")) {
            if (in_.peek().is(".")) {
                if (t.name != "tuple" || t.args.size() != 1)
                    in_.fail("`...` cannot stand here", "it follows the one type of tuple[int, ...]");
                for (int i = 0; i < 3; ++i) in_.expect(".", "an ellipsis has three dots");
                t.args.push_back({"Ellipsis", {}, {}, false});
            } else if (t.name == "Annotated" && !t.args.empty())
                skip_annotation();
            else
                t.args.push_back(parse(true));
            if (!in_.accept(",")) break;
        }
        in_.expect("]", "close the brackets of `" + t.name + "`");
        if (t.args.size() > 2 && t.args[1].name == "Ellipsis")
            lexer::fail_at(position, "nothing may follow `...`", "write tuple[int, ...]");
        return checked(std::move(t), position);
    }

    void skip_annotation() {
        int open = 0;
        while (in_.peek().kind != token::end) {
            const token& n = in_.peek();
            if (open == 0 && (n.is(",") || n.is("]"))) return;
            if (n.is("[") || n.is("(") || n.is("{")) ++open;
            if (n.is("]") || n.is(")") || n.is("}")) --open;
            in_.take();
        }
    }

    python_type checked(python_type t, std::size_t position) {
        auto refuse = [&](const char* message, const char* hint) {
            lexer::fail_at(position, message, hint, signature_errc::unknown_type);
        };
        std::size_t n = t.args.size();
        if (n == 0) refuse("the brackets are empty", "name the element type, as in list[str]");
        if (t.name == "Annotated") return std::move(t.args.front());
        if (t.name == "Optional") {
            if (n != 1) refuse("`Optional` takes one type", "use Union for several");
            t.args.push_back(none_type());
            return make_union(std::move(t.args));
        }
        if (t.name == "Union") return make_union(std::move(t.args));
        if (t.name == "dict" && n < 2) refuse("`dict` takes two types", "write dict[str, int]");
        if (t.name == "Mapping" && n != 2) refuse("`Mapping` takes two types", "write Mapping[str, int]");
        if ((t.name == "Sequence" || t.name == "Iterable") && n != 1)
            refuse("this type takes one argument", "as in Sequence[str]");
        return t;
    }

    python_type literal(python_type t, std::size_t position) {
        while (!in_.peek().is("]")) {
            token v = in_.peek();
            if (v.kind == token::string) {
                std::string text;
                while (in_.peek().kind == token::string) text += in_.take().text;
                add(t, json::value(json::string(text)));
            } else if (v.kind == token::number)
                add(t, *python_literal(in_.take().text));
            else if (v.kind == token::name && (v.text == "True" || v.text == "False"))
                add(t, in_.take().text == "True");
            else if (v.kind == token::name && v.text == "None")
                in_.take(), add(t, nullptr);
            else if (v.text == "Literal") {
                for (auto& inner : parse(true).values) add(t, std::move(inner));
            } else
                in_.fail("a Literal holds quoted texts, numbers, True, False or None",
                         v.kind == token::name ? "write '" + v.text + "'" : "");
            if (!in_.accept(",")) break;
        }
        in_.expect("]", "close the brackets of `Literal`");
        if (t.values.empty())
            lexer::fail_at(position, "a Literal needs values", "write Literal['a', 'b']", signature_errc::unknown_type);
        return t;
    }

    static void add(python_type& t, json::value v) {
        for (const auto& known : t.values)
            if (known == v && known.kind() == v.kind()) return;
        t.values.push_back(std::move(v));
    }

    lexer& in_;
    const named_types& types_;
    int depth_ = 0;
};

constexpr const char* decimal_pattern = "^[-+]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][-+]?[0-9]+)?$";

json::value any_of(json::array alternatives) { return json::object{{"anyOf", std::move(alternatives)}}; }

json::value schema_part(const python_type& t, const named_types& types, json::object& definitions) {
    auto of = [](const char* type) { return json::object{{"type", type}}; };
    auto inner = [&](std::size_t i) { return schema_part(t.args[i], types, definitions); };
    if (auto named = types.find(t.name); named != types.end()) {
        json::value s = named->second;
        if (s.is_object())
            for (const char* key : {"$defs", "definitions"})
                if (auto* shared = s.get_object().if_contains(key); shared && shared->is_object()) {
                    json::object copy = shared->get_object();
                    for (auto& [name, d] : copy)
                        definitions[key].is_object() ? void(definitions[key].get_object()[name] = d)
                                                     : void(definitions[key] = json::object{{name, d}});
                    s.get_object().stable_erase(key);
                }
        return s;
    }
    const auto& n = t.name;
    if (n == "str" || n == "bytes" || n == "bytearray" || n == "Reasoning") return of("string");
    if (n == "int") return of("integer");
    if (n == "float") return of("number");
    if (n == "bool") return of("boolean");
    if (n == "NoneType") return of("null");
    if (n == "Path") return of("string");
    for (auto [name, format] : {std::pair{"datetime", "date-time"},
                                {"date", "date"},
                                {"time", "time"},
                                {"timedelta", "duration"},
                                {"UUID", "uuid"},
                                {"EmailStr", "email"},
                                {"AnyUrl", "uri"},
                                {"HttpUrl", "uri"}})
        if (n == name) return json::object{{"type", "string"}, {"format", format}};
    if (n == "Decimal")  // a text keeps what a number would round
        return any_of({of("number"), json::object{{"type", "string"}, {"pattern", decimal_pattern}}});
    if (n == "Literal") {
        json::object s;
        bool texts = std::all_of(t.values.begin(), t.values.end(), [](const auto& v) { return v.is_string(); });
        if (texts) s["type"] = "string";
        s["enum"] = json::array(t.values.begin(), t.values.end());
        return s;
    }
    if (n == "Union") {
        json::array parts;
        for (std::size_t i = 0; i < t.args.size(); ++i) parts.push_back(inner(i));
        return any_of(std::move(parts));
    }
    if (n == "dict" || n == "Mapping") {
        auto s = of("object");
        if (t.args.size() > 1) s["additionalProperties"] = inner(1);
        return s;
    }
    if (n == "tuple" && t.subscripted && !(t.args.size() == 2 && t.args[1].name == "Ellipsis")) {
        json::array parts;
        for (std::size_t i = 0; i < t.args.size(); ++i) parts.push_back(inner(i));
        auto s = of("array");
        s["minItems"] = parts.size();
        s["maxItems"] = parts.size();
        if (!parts.empty()) s["prefixItems"] = std::move(parts);
        return s;
    }
    if (n == "list" || n == "set" || n == "frozenset" || n == "tuple" || n == "Sequence" || n == "Iterable") {
        auto s = of("array");
        if (!t.args.empty()) s["items"] = inner(0);
        if (n == "set" || n == "frozenset") s["uniqueItems"] = true;
        return s;
    }
    return json::object{};  // Any, dspy.Image and its like, complex
}

}  // namespace

std::string python_type::print() const {
    if (!subscripted) return name;
    std::string inside;
    auto add = [&](const std::string& part) { inside += (inside.empty() ? "" : ", ") + part; };
    for (const auto& v : values) add(python_repr(v));
    for (const auto& a : args) add(a.name == "NoneType" && name != "Union" ? "None" : a.print());
    return name + "[" + inside + "]";
}

python_type parse_type(lexer& in, const named_types& types) { return type_parser{in, types}.parse(false); }

json::value schema_of_type(const python_type& t, const named_types& types) {
    json::object definitions;
    json::value s = schema_part(t, types, definitions);
    if (s.is_object())
        for (auto& [key, d] : definitions) s.get_object()[key] = d;
    return s;
}

field_kind kind_of(const python_type& t, const schema& shape) {
    if (t.name == "str" || t.name == "bytes" || t.name == "bytearray" || t.name == "Reasoning") return field_kind::text;
    if (t.name == "Literal") return field_kind::choice;
    if (t.name == "Union") {
        bool text = false, null = false;
        for (const auto& a : t.args) text = text || a.name == "str", null = null || a.name == "NoneType";
        return text && null ? field_kind::optional_text : field_kind::data;
    }
    const auto& d = shape.document();
    if (d.is_object() && d.get_object().contains("enum")) return field_kind::choice;
    return field_kind::data;
}

}  // namespace reagent::detail
