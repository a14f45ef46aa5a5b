#pragma once

#include <reagent/module/predictor.hpp>

#include <filesystem>

namespace reagent {

/// One predictor as a file describes it.
struct saved_predictor {
    struct field {
        std::string prefix, description;
        bool operator==(const field&) const = default;
    };
    std::string path;                           ///< "router.classify"; "self" for a program that is one predictor
    std::optional<std::string> instructions{};  ///< none: the file says nothing about them
    std::vector<field> fields{};                ///< inputs, then outputs; empty in the older shape
    std::vector<json::object> demos{};
    json::value lm{};      ///< null or an object with "model" and how it draws
    json::object other{};  ///< what else the file says: "traces", "train", ...
};

/// A program's parameters as a file: the document that DSPy 3 writes (`demos`, `signature.instructions`,
/// `signature.fields`, `lm`, `metadata`), or the older shape with `signature_instructions`. A value; knows nothing of
/// the program's code. Source: DSPy 3.3.1, `dspy.Module.save`.
class saved_program {
public:
    static constexpr std::size_t max_bytes = 64 * 1024 * 1024;

    saved_program() = default;
    /// @throws program_error(bad_document) naming the place
    explicit saved_program(json::object document);

    /// @throws program_error(unreadable, not_json, bad_document)
    static saved_program load(const std::filesystem::path& file);
    static saved_program parse(std::string_view text);

    /// Writes the file whole or not at all. @throws program_error(unwritable); an older file is still there then
    void save(const std::filesystem::path& file) const;

    const std::vector<saved_predictor>& predictors() const { return predictors_; }
    const saved_predictor* find(std::string_view path) const;
    const json::object& document() const { return document_; }  ///< as it was read or made
    /// What Reagent added under `metadata.reagent`: "nearest" (a pool to choose demonstrations from), "members" (of an
    /// ensemble); or null.
    const json::value* addition(std::string_view name) const;
    std::string hash() const;  ///< SHA-256 of what is learned: order and metadata make no difference

private:
    json::object document_;
    std::vector<saved_predictor> predictors_;
};

/// The program's parameters as a document: every predictor with its texts as they are used.
saved_program to_saved(const module& program, const parameters& p = {});

/// The parameters that a file holds for this program. @param models whether language models named in the file are taken
/// over
/// @throws program_error(mismatch) with every difference when predictors or fields are not the program's
parameters from_saved(const module& program, const saved_program& saved, bool models = true);

/// What keeps a file from being loaded into a program, a line each; empty: nothing.
std::vector<std::string> differences(const module& program, const saved_program& saved);

/// What differs between two files, a line each.
std::vector<std::string> differences(const saved_program& before, const saved_program& after);

/// The predictors of a program, in the order in which they were made.
std::vector<const predictor*> predictors_of(const module& program);

}  // namespace reagent
