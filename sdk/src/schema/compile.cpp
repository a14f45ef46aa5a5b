#include "node.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <map>

namespace reagent {
namespace {

using node = schema::node;

[[noreturn]] void fail(schema_errc code, const std::string& path, const std::string& what) {
    throw schema_error{code, "schema at " + path + ": " + what, {.attempted = "compiling a JSON Schema", .path = path}};
}

class compiler {
public:
    compiler(const json::value& document, std::vector<std::unique_ptr<node>>& nodes) : document_{document}, nodes_{nodes} {}

    const node* compile(const json::value& source, const std::string& path, int depth = 0) {
        if (auto known = done_.find(&source); known != done_.end()) return known->second;
        if (depth > max_schema_depth) fail(schema_errc::bad_document, path, "nested deeper than 200 levels");
        node* n = nodes_.emplace_back(std::make_unique<node>()).get();
        done_.emplace(&source, n);
        if (source.is_bool()) {
            n->never = !source.get_bool();
            n->empty = !n->never;
            return n;
        }
        if (!source.is_object()) fail(schema_errc::bad_document, path, "expected an object or a boolean");
        for (const auto& [key, value] : source.get_object())
            keyword(*n, key, value, source.get_object(), path + "." + std::string{key}, depth);
        return n;
    }

private:
    void keyword(node& n, std::string_view key, const json::value& v, const json::object& all, const std::string& path, int depth) {
        auto sub = [&] { return compile(v, path, depth + 1); };
        auto list = [&] { return compile_list(v, path, depth); };
        bool assertion = true;
        if (key == "type")
            n.types = types(v, path);
        else if (key == "const")
            n.constant = v;
        else if (key == "enum")
            n.enumeration = array(v, path);
        else if (key == "minimum")
            n.minimum = number(v, path);
        else if (key == "maximum")
            n.maximum = number(v, path);
        else if (key == "exclusiveMinimum")
            n.exclusive_minimum = number(v, path);
        else if (key == "exclusiveMaximum")
            n.exclusive_maximum = number(v, path);
        else if (key == "multipleOf")
            n.multiple_of = positive(v, path);
        else if (key == "minLength")
            n.min_length = count(v, path);
        else if (key == "maxLength")
            n.max_length = count(v, path);
        else if (key == "pattern")
            n.pattern = regex(v, path), n.pattern_text = text(v, path);
        else if (key == "prefixItems")
            n.prefix_items = list();
        else if (key == "items") {
            if (v.is_array())
                n.prefix_items = list();  // draft 7's tuple
            else
                n.items = sub();
        } else if (key == "additionalItems") {
            if (auto* items = all.if_contains("items"); items && items->is_array())
                n.items = sub();
            else
                assertion = false;
        } else if (key == "contains")
            n.contains = sub();
        else if (key == "minItems")
            n.min_items = count(v, path);
        else if (key == "maxItems")
            n.max_items = count(v, path);
        else if (key == "minContains")
            n.min_contains = count(v, path);
        else if (key == "maxContains")
            n.max_contains = count(v, path);
        else if (key == "uniqueItems")
            n.unique_items = boolean(v, path);
        else if (key == "properties") {
            for (const auto& [name, child] : object(v, path))
                n.properties.emplace_back(name, compile(child, path + "." + std::string{name}, depth + 1));
        } else if (key == "patternProperties") {
            for (const auto& [name, child] : object(v, path))
                n.pattern_properties.emplace_back(regex(json::value(name), path),
                                                  compile(child, path + "." + std::string{name}, depth + 1));
        } else if (key == "additionalProperties")
            n.additional = sub();
        else if (key == "propertyNames")
            n.property_names = sub();
        else if (key == "required")
            n.required = texts(v, path);
        else if (key == "dependentRequired") {
            for (const auto& [name, names] : object(v, path)) n.dependent_required.emplace_back(name, texts(names, path));
        } else if (key == "dependentSchemas") {
            for (const auto& [name, child] : object(v, path)) n.dependent_schemas.emplace_back(name, compile(child, path, depth + 1));
        } else if (key == "dependencies") {  // draft 7: either of the two above
            for (const auto& [name, child] : object(v, path)) {
                if (child.is_array())
                    n.dependent_required.emplace_back(name, texts(child, path));
                else
                    n.dependent_schemas.emplace_back(name, compile(child, path, depth + 1));
            }
        } else if (key == "minProperties")
            n.min_properties = count(v, path);
        else if (key == "maxProperties")
            n.max_properties = count(v, path);
        else if (key == "anyOf")
            n.any_of = list();
        else if (key == "oneOf")
            n.one_of = list();
        else if (key == "allOf")
            n.all_of = list();
        else if (key == "not")
            n.negated = sub();
        else if (key == "if")
            n.if_ = sub();
        else if (key == "then")
            n.then_ = sub();
        else if (key == "else")
            n.else_ = sub();
        else if (key == "$ref")
            n.reference = resolve(v, path, depth);
        else if (key == "default")
            n.fallback = v, assertion = false;
        else if (key == "$dynamicRef" || key == "$recursiveRef" || key == "unevaluatedItems" || key == "unevaluatedProperties")
            fail(schema_errc::unsupported_keyword, path,
                 "this keyword is not supported; say the same with $ref, "
                 "additionalProperties or prefixItems");
        else
            assertion = false;  // annotations, `format`, `$defs` (compiled when something refers to them)
        if (assertion) n.empty = false, ++n.assertions;
    }

    const node* resolve(const json::value& v, const std::string& path, int depth) {
        std::string target = text(v, path);
        if (!target.starts_with('#'))
            fail(schema_errc::bad_document, path, "only references into the same document (\"#/...\") are followed");
        boost::system::error_code ec;
        const json::value* found = document_.find_pointer(target.substr(1), ec);
        if (!found) fail(schema_errc::bad_document, path, "nothing stands at \"" + target + "\"");
        return compile(*found, path, depth + 1);
    }

    std::vector<const node*> compile_list(const json::value& v, const std::string& path, int depth) {
        std::vector<const node*> result;
        for (const auto& child : array(v, path))
            result.push_back(compile(child, path + "[" + std::to_string(result.size()) + "]", depth + 1));
        return result;
    }

    static std::uint8_t types(const json::value& v, const std::string& path) {
        static const std::map<std::string, std::uint8_t, std::less<>> bits{
            {"null", node::null},     {"boolean", node::boolean}, {"integer", node::integer}, {"number", node::number},
            {"string", node::string}, {"array", node::array},     {"object", node::object}};
        auto bit = [&](const json::value& name) {
            auto found = bits.find(text(name, path));
            if (found == bits.end()) fail(schema_errc::bad_document, path, "unknown type " + json::serialize(name));
            return found->second;
        };
        if (!v.is_array()) return bit(v);
        std::uint8_t all = 0;
        for (const auto& name : v.get_array()) all |= bit(name);
        return all;
    }

    static boost::regex regex(const json::value& v, const std::string& path) {
        try {
            return boost::regex{text(v, path), boost::regex::ECMAScript};
        } catch (const boost::regex_error& e) {
            fail(schema_errc::bad_document, path, std::string{"not a regular expression: "} + e.what());
        }
    }

    static std::string text(const json::value& v, const std::string& path) {
        if (!v.is_string()) fail(schema_errc::bad_document, path, "expected a string");
        return std::string{v.get_string()};
    }
    static bool boolean(const json::value& v, const std::string& path) {
        if (!v.is_bool()) fail(schema_errc::bad_document, path, "expected true or false");
        return v.get_bool();
    }
    static double number(const json::value& v, const std::string& path) {
        if (!v.is_number()) fail(schema_errc::bad_document, path, "expected a number");
        return v.to_number<double>();
    }
    static double positive(const json::value& v, const std::string& path) {
        double d = number(v, path);
        if (!(d > 0)) fail(schema_errc::bad_document, path, "expected a number above 0");
        return d;
    }
    static std::size_t count(const json::value& v, const std::string& path) {
        double d = number(v, path);
        if (!(d >= 0) || d > 1e15 || d != static_cast<double>(static_cast<std::size_t>(d)))
            fail(schema_errc::bad_document, path, "expected a whole number of at least 0");
        return static_cast<std::size_t>(d);
    }
    static const json::array& array(const json::value& v, const std::string& path) {
        if (!v.is_array()) fail(schema_errc::bad_document, path, "expected an array");
        return v.get_array();
    }
    static const json::object& object(const json::value& v, const std::string& path) {
        if (!v.is_object()) fail(schema_errc::bad_document, path, "expected an object");
        return v.get_object();
    }
    static std::vector<std::string> texts(const json::value& v, const std::string& path) {
        std::vector<std::string> result;
        for (const auto& item : array(v, path)) result.push_back(text(item, path));
        return result;
    }

    const json::value& document_;
    std::vector<std::unique_ptr<node>>& nodes_;
    std::map<const json::value*, const node*> done_;
};

}  // namespace

schema::schema() : schema{json::value(true)} {}

schema::schema(json::value document) {
    auto c = std::make_shared<compiled>();
    c->document = std::move(document);
    c->root = compiler{c->document, c->nodes}.compile(c->document, "$");
    compiled_ = std::move(c);
}

const json::value& schema::document() const { return compiled_->document; }

bool schema::is_text() const {
    const node* n = compiled_->root;
    return n->types == node::string && !n->enumeration && !n->constant;
}

bool schema::is_any_text() const {
    const node& n = *compiled_->root;
    return is_text() && n.assertions == 1;
}

bool schema::allows_null() const {
    auto alternatives = [](const node& n) {
        for (const node* a : n.any_of)
            if (a->types & node::null) return true;
        return false;
    };
    const node* n = compiled_->root;
    return (n->types & node::null) || (!n->types && alternatives(*n));
}

}  // namespace reagent
