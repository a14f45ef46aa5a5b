#pragma once

#include <reagent/signature/signature.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// One example: fields by name, some of them what a program is given, the others labels.
struct example {
    json::object fields{};
    std::vector<std::string> inputs{};  ///< names of the inputs, in order
    std::string split{};                ///< "train", "dev" or "test" where `split_examples` drew it; "" else

    /// The same with these fields as inputs. @throws program_error(bad_document) when the example has no such field
    example with_inputs(std::vector<std::string> names) const;

    json::object input_fields() const;
    json::object labels() const;
    const json::value* find(std::string_view name) const { return fields.if_contains(name); }
};

using dataset = std::vector<example>;

inline constexpr std::size_t max_dataset_bytes = 1024 * 1024 * 1024;

/// Examples from a file: one JSON object a line (.jsonl, .ndjson), a list of objects (.json), or CSV with a header line
/// (.csv). "-" is the standard input, and a pipe (`<(...)`) is read to its end; what they hold is told by how it
/// begins. A mark of byte order is skipped. What DSPy's `Example` saves (`_store`, `_input_keys`) is understood.
///
/// A cell of CSV is the text that stands there. Where `fields` say that it is a number or a boolean it is read as one;
/// an empty one is null then. A number that a double cannot hold (12345678901234567890123, 9876e543) keeps its digits
/// as a text; in a field of numbers it is refused, never rounded.
/// @param inputs names of the input fields; empty: those that the file itself says, if any
/// @param fields of the program's signatures, by name; of two of one name the first counts
/// @throws program_error(unreadable, not_json, bad_document) naming the line or example
dataset load_examples(const std::filesystem::path& file, const std::vector<std::string>& inputs = {},
                      std::span<const signature_field> fields = {});

/// Parts of a dataset, drawn at random but always the same for a seed.
struct dataset_split {
    dataset train, dev, test;
};

struct split_options {
    double train = 0.6, dev = 0.2;  ///< shares; the rest is the test split
    std::uint64_t seed = 0;
    std::string stratify_by{};  ///< a field whose values are spread evenly; "": none
};

dataset_split split_examples(dataset all, const split_options& options = {});

/// Examples that stand in both, by their fields: indexes into `a` and `b`. A test split that shares some with the
/// training data measures memory.
std::vector<std::pair<std::size_t, std::size_t>> shared_examples(const dataset& a, const dataset& b);

}  // namespace reagent
