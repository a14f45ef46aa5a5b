// The elements of an answer in XML.
#pragma once

#include <boost/json/value.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

namespace json = boost::json;

struct element {
    std::string name, text, key;  // `text`: character data before the first child; `key`: the attribute of that name
    std::string inner;            // everything inside, as written
    std::string beside;           // character data behind the first child
    std::string comments;         // and processing instructions, in the element itself
    std::string attribute;        // one that is neither `key` nor `type`
    std::vector<std::unique_ptr<element>> children;
};

/// Controls that XML 1.0 has no way to write stand as private characters while it is read, of a row that the text does
/// not use.
class kept_controls {
public:
    std::string hide(std::string_view text);
    json::value show(json::value v) const;

private:
    std::string shown(std::string_view text) const;
    std::string row_;
};

/// An element around all that a text holds, read with Expat (which Python's ElementTree uses too; it is strict about
/// what is XML).
struct xml_tree {
    std::unique_ptr<element> root{};  ///< null: the text is no XML
    kept_controls controls{};
    std::string problem{};  ///< then, in Expat's words
};
xml_tree read_xml(std::string_view text);

}  // namespace reagent::detail
