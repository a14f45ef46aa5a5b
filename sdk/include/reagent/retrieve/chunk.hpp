#pragma once

#include <reagent/retrieve/error.hpp>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

enum class document_kind { text, markdown, html, csv, json, source };

/// By the file's name: .txt .md .html .csv .json .jsonl, and source code in the usual languages. None: it is none of
/// these.
std::optional<document_kind> document_kind_of(const std::filesystem::path& file);

struct chunk_options {
    std::size_t tokens =
        256;  ///< most of a chunk, estimated: four bytes of Latin text, or one other letter, are a token
    std::size_t overlap = 32;          ///< tokens at the end of a chunk that the next one begins with; 0: none
    std::size_t code_tokens = 1024;    ///< a block of code in Markdown is kept whole up to this
    std::size_t max_chunks = 100'000;  ///< of one document; more are an error
};

/// A piece of a document.
struct chunk {
    std::string text{};  ///< as it stands in the document; of HTML without its tags; of JSON with its escapes read; of
                         ///< CSV with the header line before it, or the beginning of a long one
    std::string heading{};           ///< those above it: "Returns > Refunds"
    std::size_t begin = 0, end = 0;  ///< bytes of the document that it was taken from
};

/// Cuts a document into chunks, at headings, paragraphs and sentences: Markdown by headings, with blocks of code whole;
/// HTML likewise, as gumbo reads it; CSV by rows; JSON by the elements of its outermost list or object, or by its
/// lines; source code by lines. Neighbours under one heading overlap. Lines of lists, tables and quotations stay whole;
/// what is longer than a chunk is cut at its lines, then at sentences, then at words. Bytes that are no UTF-8 become
/// U+FFFD in the text, and keep their places. Pure, and in linear time; what is made to cost more is refused.
/// @throws retrieve_error(bad_options, too_large, bad_passage) saying what is wrong with the document
std::vector<chunk> chunks_of(std::string_view document, document_kind kind, const chunk_options& options = {});

}  // namespace reagent
