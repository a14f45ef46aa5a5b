#include <reagent/retrieve/passage.hpp>

#include <reagent/retrieve/error.hpp>

#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

[[noreturn]] void wrong(const std::string& why) {
    throw retrieve_error{retrieve_errc::bad_passage, "what is given as a passage is none: " + why};
}

void read_text(const json::object& o, const char* name, std::string& to) {
    const auto* v = o.if_contains(name);
    if (!v) return;
    if (!v->is_string()) wrong(std::string{"\""} + name + "\" is no text");
    to = v->get_string();
}

}  // namespace

json::object to_json(const passage& p) {
    json::object o{{"id", p.id}, {"text", p.text}};
    if (!p.title.empty()) o["title"] = p.title;
    if (!p.source.empty()) o["source"] = p.source;
    if (p.score != 0) o["score"] = p.score;
    if (!p.metadata.empty()) o["metadata"] = p.metadata;
    return o;
}

json::array to_json(const std::vector<passage>& passages) {
    json::array list;
    for (const auto& p : passages) list.push_back(to_json(p));
    return list;
}

passage passage_from_json(const json::value& v) {
    if (!v.is_object()) wrong("it is no object");
    const auto& o = v.get_object();
    passage p;
    read_text(o, "id", p.id);
    read_text(o, "text", p.text);
    read_text(o, "title", p.title);
    read_text(o, "source", p.source);
    if (const auto* score = o.if_contains("score")) {
        if (!score->is_number()) wrong("\"score\" is no number");
        p.score = score->to_number<double>();
    }
    if (const auto* metadata = o.if_contains("metadata")) {
        if (!metadata->is_object()) wrong("\"metadata\" is no object");
        p.metadata = metadata->get_object();
    }
    return p;
}

std::vector<passage> passages_from_json(const json::value& v) {
    if (!v.is_array()) wrong("it is no list of passages");
    std::vector<passage> all;
    for (const auto& item : v.get_array()) all.push_back(passage_from_json(item));
    return all;
}

}  // namespace reagent
