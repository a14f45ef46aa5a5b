#pragma once

#include <reagent/retrieve/chunk.hpp>
#include <reagent/retrieve/embed.hpp>
#include <reagent/retrieve/index.hpp>
#include <reagent/task.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace reagent {

class run;

struct build_progress {
    std::size_t files = 0, of_files = 0;  ///< that are done, and that there are
    std::size_t passages = 0;             ///< made until now, of files that are new or have changed
};

/// Makes text of a file's bytes; pages are told apart by form feeds. Called on a thread for what blocks.
/// @throws std::exception saying why it cannot be read: the file is listed as broken
using document_reader = std::function<std::string(const std::string& bytes)>;

struct build_options {
    chunk_options chunks{};
    /// For files of other kinds, by extension: `{{".pdf", ready::pdf_text}}` (reagent/tools/pdf.hpp). A passage's
    /// "begin" and "end" are bytes of the text that was made, and of a text with form feeds it has its "page", from 1.
    std::map<std::string, document_reader> readers{};
    std::optional<vector_source> vectors{};         ///< of the passages; none: the index has words only
    std::string language = "english";               ///< of an index that is made now
    std::size_t max_files = 100'000;                ///< more are an error
    std::size_t max_file_bytes = 32 * 1024 * 1024;  ///< a larger one is listed as broken
    writing_options writing{};
    std::function<bool(const std::filesystem::path&)> wanted{};  ///< none: what `document_kind_of` and `readers` know
    std::function<void(const build_progress&)> on_progress{};    ///< on the run's thread
};

struct broken_file {
    std::string file{};
    std::string why{};
};

struct build_report {
    std::size_t files = 0, changed = 0,
                removed = 0;             ///< files with passages; new or changed ones; ones that have none any more
    std::size_t passages = 0;            ///< in the index
    std::size_t made = 0, embedded = 0;  ///< passages of changed files, and those of them whose text was new
    std::vector<broken_file> broken{};   ///< not in the index
    reagent::usage usage{};              ///< of embeddings
};

/// Brings an index to what the files of a folder are now, as one change; makes the index where there is none. A file is
/// known by its content's hash: one that is the same costs nothing but reading, and of one that has changed only new
/// passages are embedded. Other chunk options make everything anew. A passage's id is "FILE#3", its source FILE
/// (relative to the folder), its metadata "source", "begin" and "end". Hidden files and folders, and the index itself,
/// are no documents. A file is UTF-8 or in the charset that it says; "begin" and "end" are bytes of the file, and
/// where it was converted, of its text in UTF-8. A broken file is listed, and has no passages; also not those it had
/// before. So is a folder more than 64 levels deep. A first build that fails leaves no index.
/// @throws retrieve_error(wrong_model, bad_options) when the index was made with another embedder or language
/// @throws as the embedder; then nothing was changed
task<build_report> build_index(run& r, std::filesystem::path documents, std::filesystem::path index,
                               build_options options = {});

}  // namespace reagent
