#pragma once

#include <string>

namespace reagent::ready {

/// The text of a PDF, its pages apart by form feeds, as Poppler's `pdftotext` reads it within the sandbox: a hostile
/// file can use 20 s of processor and 512 MiB, and reaches nothing. Blocks. For `build_options::readers` (needs
/// reagent::sandbox; Debian: poppler-utils).
/// @throws tool_error(bad_configuration) when this machine has no pdftotext or no sandbox, saying what to install
/// @throws std::runtime_error when the file is no PDF, is encrypted, or takes too much
std::string pdf_text(const std::string& bytes);

/// Whether `pdftotext` is there.
bool has_pdf_reader();

}  // namespace reagent::ready
