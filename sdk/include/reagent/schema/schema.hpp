#pragma once

#include <boost/json/value.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// One way in which a value does not fit its schema.
struct violation {
    std::string path;     ///< where, as `$.issues[2].name`; `$` is the whole value
    std::string message;  ///< what, as "expected string, got number 3"

    bool operator==(const violation&) const = default;
};

/// All violations in one text, a line each: `$.issues[2]: expected string, got number 3`.
std::string to_string(const std::vector<violation>& violations);

/// How strictly a value is read.
enum class reading {
    strict,   ///< JSON Schema's own rules: "3" is no number. For tool arguments.
    lenient,  ///< what a model means is accepted, as Pydantic's lax mode does: "3" and 3.0 are the integer 3, "yes" is
              ///< true; properties that the schema does not know are dropped. For completions.
};

/// Whose rules a schema follows where its own `$schema` does not say.
enum class json_schema_draft {
    any,  ///< the keywords of 2020-12, and draft 7's where they do not contradict (`items` as a list, `dependencies`)
    draft7,  ///< what stands beside `$ref` is ignored, as are newer keywords; also for what calls itself draft 4 or 6
    draft2019_09,
    draft2020_12,
};

/// How a schema document is compiled.
struct schema_options {
    json_schema_draft draft = json_schema_draft::any;
    /// `format` is checked, not only noted: a text that is no "date" does not fit. Formats without a rule here accept
    /// anything.
    bool assert_formats = false;
    /// Other documents that references may mean, by their URI (relative ones too). Nothing is fetched from anywhere.
    std::map<std::string, json::value> documents{};
};

/// A JSON Schema, compiled once: immutable, cheap to copy, safe to share between threads.
///
/// Understands every keyword of draft 7 and of draft 2020-12; `format` is an annotation unless the options say
/// otherwise. Checking is bounded: a schema that asks for more than about a million steps (more for large values) is
/// not fitted. Source: json-schema.org, drafts 7 and 2020-12; docs/json_schema.md has the numbers of the official test
/// suite.
class schema {
public:
    /// What `read` made of a value.
    struct outcome {
        json::value value;                  ///< converted, with defaults filled in; meaningful when `ok()`
        std::vector<violation> violations;  ///< every failure, at most 100; in document order

        bool ok() const { return violations.empty(); }
    };

    /// A schema that accepts anything.
    schema();

    /// @throws schema_error for a malformed document or an unknown reference, naming its path.
    explicit schema(json::value document);
    schema(json::value document, const schema_options& options);

    const json::value& document() const;

    /// Reads a value; nested deeper than 200 levels counts as a violation.
    outcome read(const json::value& value, reading how) const;

    /// Whether the value fits, by JSON Schema's rules; empty when it does.
    std::vector<violation> validate(const json::value& value) const;

    /// True for a schema whose values are plain text (`{"type": "string"}` without an enumeration).
    bool is_text() const;

    /// True for `{"type": "string"}` without any constraint.
    bool is_any_text() const;

    /// True where every reading takes this value as it is. False says nothing.
    bool takes_as_it_is(const json::value& value) const;

    /// True when null is among the values.
    bool allows_null() const;

    struct node;
    struct resource;

private:
    struct compiled;
    std::shared_ptr<const compiled> compiled_;
};

/// "string \"abc\"", "number 3", "array", "null": how messages name a value; long texts are cut.
std::string describe(const json::value& value);

/// JSON equality as JSON Schema has it: 1 and 1.0 are equal, true and 1 are not.
bool equal_json(const json::value& a, const json::value& b);

}  // namespace reagent
