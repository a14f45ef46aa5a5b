#include <reagent/retrieve/error.hpp>

namespace reagent {
namespace {

const char* text_of(retrieve_errc e) {
    switch (e) {
        case retrieve_errc::bad_filter: return "bad filter";
        case retrieve_errc::bad_passage: return "bad passage";
        case retrieve_errc::bad_options: return "bad options";
        case retrieve_errc::no_retriever: return "no retriever";
        case retrieve_errc::not_an_index: return "not an index";
        case retrieve_errc::unknown_version: return "unknown version of the format";
        case retrieve_errc::corrupt: return "corrupt index";
        case retrieve_errc::wrong_model: return "vectors of another model";
        case retrieve_errc::locked: return "another writer has the index";
        case retrieve_errc::unwritable: return "cannot be read or written";
        case retrieve_errc::server: return "the server refused or answered nonsense";
        case retrieve_errc::bad_query: return "bad query";
        case retrieve_errc::too_large: return "too large";
    }
    return "unknown error";
}

class retrieve_category final : public boost::system::error_category {
    const char* name() const noexcept override { return "reagent.retrieve"; }
    std::string message(int code) const override { return text_of(static_cast<retrieve_errc>(code)); }
};

}  // namespace

const boost::system::error_category& category_of(retrieve_errc) {
    static const retrieve_category category;
    return category;
}

}  // namespace reagent
