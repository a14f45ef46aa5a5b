#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// A piece of a document: what retrievers find, and what an answer cites.
struct passage {
    std::string id{};         ///< unique in what it was found in
    std::string text{};       ///< UTF-8
    std::string title{};      ///< of its document, with the headings above it: "Returns > Refunds"
    std::string source{};     ///< where it comes from: a file's path, a URL
    double score = 0;         ///< how well it fits; higher is better, and comparable within one answer only
    json::object metadata{};  ///< what filters look at; of a file's: "begin" and "end", byte offsets into it

    bool operator==(const passage&) const = default;
};

/// `{"id", "text", "title", "source", "score", "metadata"}`, without what is empty.
json::object to_json(const passage& p);
json::array to_json(const std::vector<passage>& passages);

/// The other way. @throws retrieve_error(bad_passage) for what is no passage
passage passage_from_json(const json::value& v);
std::vector<passage> passages_from_json(const json::value& v);

}  // namespace reagent
