#include <reagent/module/saved_program.hpp>

#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/module/nearest_demos.hpp>
#include <reagent/run/consent.hpp>

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/text.hpp"
#include "../base/utf8.hpp"
#include "../schema/repeated.hpp"

#include <openssl/evp.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace reagent {
namespace {

constexpr std::size_t most_predictors = 10'000;

[[noreturn]] void bad(const std::string& path, const std::string& why) {
    throw program_error{program_errc::bad_document,
                        "saved program: " + path + ": " + why,
                        {.attempted = "reading a saved program", .path = path}};
}

const json::object& object_at(const json::value& v, const std::string& path) {
    if (!v.is_object()) bad(path, "expected an object, got " + describe(v));
    return v.get_object();
}

std::string text_at(const json::value& v, const std::string& path) {
    if (!v.is_string()) bad(path, "expected text, got " + describe(v));
    return std::string{v.get_string()};
}

// Whether this is one predictor, and not a program of several, whose names may be anything.
bool is_predictor(const json::object& o) {
    auto is_one = [&](const char* key, auto kind) {
        const auto* v = o.if_contains(key);
        return v && kind(*v);
    };
    return is_one("demos", [](const json::value& v) { return !v.is_object(); }) ||
           is_one("signature_instructions", [](const json::value& v) { return !v.is_object(); }) ||
           is_one("signature", [](const json::value& v) {
               return !v.is_object() || v.get_object().contains("fields") || v.get_object().contains("instructions");
           });
}

saved_predictor read_predictor(std::string name, const json::object& o) {
    saved_predictor p{.path = name};
    for (const auto& [k, v] : o) {
        std::string key{k}, at = name + "." + key;
        if (key == "demos") {
            if (!v.is_array()) bad(at, "expected a list, got " + describe(v));
            for (const auto& d : v.get_array())
                p.demos.push_back(object_at(d, at + "[" + std::to_string(p.demos.size()) + "]"));
        } else if (key == "signature") {
            for (const auto& [part_name, part] : object_at(v, at)) {
                std::string inner = at + "." + std::string{part_name};
                if (part_name == "instructions")
                    p.instructions = text_at(part, inner);
                else if (part_name == "fields") {
                    if (!part.is_array()) bad(inner, "expected a list, got " + describe(part));
                    for (const auto& f : part.get_array()) {
                        std::string place = inner + "[" + std::to_string(p.fields.size()) + "]";
                        const auto& field = object_at(f, place);
                        saved_predictor::field one;
                        if (auto* t = field.if_contains("prefix")) one.prefix = text_at(*t, place + ".prefix");
                        if (auto* t = field.if_contains("description"))
                            one.description = text_at(*t, place + ".description");
                        p.fields.push_back(std::move(one));
                    }
                }
            }
        } else if (key == "signature_instructions") {
            if (!v.is_null()) p.instructions = text_at(v, at);
        } else if (key == "lm") {
            if (!v.is_null()) object_at(v, at);
            p.lm = v;
        } else
            p.other[key] = v;
    }
    return p;
}

json::object to_document(const saved_predictor& p) {
    json::object o;
    for (const char* list : {"traces", "train"}) {
        const auto* v = p.other.if_contains(list);
        o[list] = v ? *v : json::value(json::array{});
    }
    json::array demos, fields;
    for (const auto& d : p.demos) demos.push_back(d);
    for (const auto& f : p.fields) fields.push_back(json::object{{"prefix", f.prefix}, {"description", f.description}});
    o["demos"] = std::move(demos);
    o["signature"] = json::object{{"instructions", p.instructions.value_or("")}, {"fields", std::move(fields)}};
    o["lm"] = p.lm;
    for (const auto& [key, v] : p.other)
        if (!o.contains(key) && key != "signature_prefix") o[key] = v;
    return o;
}

// Objects with their keys in order, so that equal content is equal text.
json::value sorted(const json::value& v) {
    if (v.is_array()) {
        json::array a;
        for (const auto& item : v.get_array()) a.push_back(sorted(item));
        return a;
    }
    if (!v.is_object()) return v;
    std::map<std::string_view, const json::value*> by_key;
    for (const auto& [key, item] : v.get_object()) by_key.emplace(key, &item);
    json::object o;
    for (const auto& [key, item] : by_key) o[key] = sorted(*item);
    return o;
}

// The fields as a file lists them. An agent's past stands behind its inputs, as DSPy's `trajectory`.
std::vector<saved_predictor::field> fields_of(const predictor& p, const signature& s) {
    std::vector<saved_predictor::field> fields;
    for (const auto& f : s.inputs) fields.push_back({f.prefix, f.description});
    if (p.shows_past()) fields.push_back({"Trajectory:", "${trajectory}"});
    for (const auto& f : s.outputs) fields.push_back({f.prefix, f.description});
    return fields;
}

std::vector<std::string> names_of(const predictor& p) {
    std::vector<std::string> names;
    for (const auto& f : p.signature().inputs) names.push_back(f.name);
    if (p.shows_past()) names.push_back("trajectory");
    for (const auto& f : p.signature().outputs) names.push_back(f.name);
    return names;
}

std::string named(std::string_view s) { return "`" + std::string{s} + "`"; }

// Descriptions of tools and of their arguments that a file has for a predictor.
std::map<std::string, std::string, std::less<>> saved_tools(const saved_program& saved, const std::string& path) {
    std::map<std::string, std::string, std::less<>> texts;
    const auto* all = saved.addition("tools");
    if (!all) return texts;
    const auto* own = object_at(*all, "metadata.reagent.tools").if_contains(path);
    if (!own) return texts;
    const std::string at = "metadata.reagent.tools." + path;
    for (const auto& [name, text] : object_at(*own, at)) texts[name] = text_at(text, at + "." + std::string{name});
    return texts;
}

}  // namespace

saved_program::saved_program(json::object document) : document_{std::move(document)} {
    if (is_predictor(document_)) {
        json::object alone = document_;
        alone.erase("metadata");
        predictors_.push_back(read_predictor("self", alone));
        return;
    }
    if (document_.size() > most_predictors) bad("$", "more than " + std::to_string(most_predictors) + " predictors");
    for (const auto& [name, v] : document_) {
        if (name == "metadata") {
            object_at(v, "metadata");
            continue;
        }
        const auto& o = object_at(v, std::string{name});
        if (!o.empty() && !is_predictor(o))
            bad(std::string{name},
                "this is no predictor: it has neither `signature`, `signature_instructions` nor `demos`");
        predictors_.push_back(read_predictor(std::string{name}, o));
    }
    if (predictors_.empty()) bad("$", "there is no predictor in it");
}

saved_program saved_program::parse(std::string_view text) {
    auto v = parse_json(text);
    if (!v) throw program_error{program_errc::not_json, "saved program: this is no JSON, or it is nested too deeply"};
    if (auto twice = repeated_members(text); !twice.empty())
        bad(cut(visible(twice.front()), 200), "it stands there twice, with two values; keep one of them");
    return saved_program{object_at(*v, "$")};
}

saved_program saved_program::load(const std::filesystem::path& file) {
    auto fail = [&](const std::string& why) {
        return program_error{program_errc::unreadable,
                             "the program file \"" + file.string() + "\" cannot be read: " + why,
                             {.path = file.string()}};
    };
    std::string text;
    try {
        text = read_file(file, max_bytes);
    } catch (const std::system_error& e) {
        throw fail(e.what());
    }
    try {
        return parse(text);
    } catch (const program_error& e) {
        throw program_error{e.code(), file.string() + ": " + e.what(), e.details()};
    }
}

void saved_program::save(const std::filesystem::path& file) const {
    try {
        write_file(file, detail::valid_utf8(dump_pretty_json(document_)) + "\n");  // what it reads itself
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unwritable,
                            "the program file \"" + file.string() + "\" cannot be written: " + e.what(),
                            {.path = file.string()}};
    }
}

const saved_predictor* saved_program::find(std::string_view path) const {
    for (const auto& p : predictors_)
        if (p.path == path) return &p;
    return nullptr;
}

const json::value* saved_program::addition(std::string_view name) const {
    const auto* metadata = document_.if_contains("metadata");
    const auto* ours = metadata && metadata->is_object() ? metadata->get_object().if_contains("reagent") : nullptr;
    return ours && ours->is_object() ? ours->get_object().if_contains(name) : nullptr;
}

std::string saved_program::hash() const {
    json::object learned;
    for (const auto& p : predictors_) {
        json::object o = to_document(p);
        for (const char* gone : {"traces", "train"}) o.erase(gone);
        learned[p.path] = std::move(o);
    }
    for (const char* part : {"nearest", "members", "tools"})
        if (const auto* v = addition(part)) learned[std::string{"metadata."} + part] = *v;
    std::string text = json::serialize(sorted(json::value(std::move(learned))));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
        constexpr const char* digits = "0123456789abcdef";
        hex += digits[digest[i] >> 4];
        hex += digits[digest[i] & 15];
    }
    return hex;
}

saved_program to_saved(const module& program, const parameters& given) {
    json::object document, names;
    auto all = predictors_of(program);
    for (const predictor* p : all) {
        const std::string& path = p->predictor_path();
        const auto* own = given.find(path);
        signature s = own ? with_parameters(p->signature(), *own) : p->signature();
        if (own && !own->tools.empty()) s.instructions = p->signature_with(*own).instructions;
        saved_predictor saved{.path = path};
        saved.instructions = s.instructions;
        saved.fields = fields_of(*p, s);
        if (own) {
            saved.demos = own->demos;
            saved.other = own->other;
            saved.lm = own->lm_document;
            if (saved.lm.is_null() && own->lm) {
                json::object lm{{"model", own->lm.backend()->name()}};
                if (own->sampling.temperature) lm["temperature"] = *own->sampling.temperature;
                if (own->sampling.max_tokens) lm["max_tokens"] = *own->sampling.max_tokens;
                saved.lm = std::move(lm);
            }
        }
        json::array fields;
        for (const auto& n : names_of(*p)) fields.emplace_back(n);
        names[path] = std::move(fields);
        if (all.size() == 1 && path == "self")
            document = to_document(saved);
        else
            document[path] = to_document(saved);
    }
    json::object ours{{"fields", std::move(names)}}, nearest;
    for (const predictor* p : all)
        if (const auto* own = given.find(p->predictor_path()); own && own->selector)
            nearest[p->predictor_path()] = own->selector->to_json();
    if (!nearest.empty()) ours["nearest"] = std::move(nearest);
    json::object tools;
    for (const predictor* p : all)
        if (const auto* own = given.find(p->predictor_path()))
            for (const auto& [name, text] : own->tools) {
                auto& of = tools[p->predictor_path()];
                if (!of.is_object()) of = json::object{};
                of.get_object()[name] = text;
            }
    if (!tools.empty()) ours["tools"] = std::move(tools);
    if (!given.members.empty()) {
        json::array members;
        for (const auto& m : given.members) {
            json::object one = to_saved(program, *m).document();
            one.at("metadata").as_object().erase("dependency_versions");
            members.push_back(std::move(one));
        }
        ours["members"] = std::move(members);
    }
    // DSPy wants `dependency_versions`; it warns of those that differ from its own.
    document["metadata"] = json::object{{"dependency_versions", json::object{}}, {"reagent", std::move(ours)}};
    return saved_program{std::move(document)};
}

std::vector<std::string> differences(const module& program, const saved_program& saved) {
    std::vector<std::string> found;
    auto all = predictors_of(program);
    std::vector<std::string> paths;
    for (const predictor* p : all) paths.push_back(p->predictor_path());
    for (const auto& s : saved.predictors())
        if (std::find(paths.begin(), paths.end(), s.path) == paths.end()) {
            auto near = did_you_mean(s.path, paths);
            found.push_back("the program has no predictor " + named(s.path) +
                            (near.empty() ? "" : "; the nearest is " + named(near)));
        }
    for (const predictor* p : all) {
        const auto* s = saved.find(p->predictor_path());
        if (!s) {
            found.push_back("the file has no predictor " + named(p->predictor_path()));
            continue;
        }
        auto names = names_of(*p);
        auto own = fields_of(*p, p->signature());
        if (!s->fields.empty() && s->fields.size() != own.size())
            found.push_back(named(s->path) + " has " + std::to_string(s->fields.size()) + " fields in the file and " +
                            std::to_string(own.size()) + " in the program");
        else
            for (std::size_t i = 0; i < s->fields.size(); ++i) {
                // The last output's prefix is what optimizers rewrite.
                if (s->fields[i].prefix == own[i].prefix || i + 1 == own.size()) continue;
                found.push_back(named(s->path) + ", field " + std::to_string(i + 1) + ": " +
                                named(s->fields[i].prefix) + " in the file, " + named(own[i].prefix) +
                                " in the program");
            }
        for (std::size_t i = 0; i < s->demos.size(); ++i)
            for (const auto& [key, v] : s->demos[i]) {
                if (key == "augmented" || key == "trajectory" ||
                    std::find(names.begin(), names.end(), key) != names.end())
                    continue;
                found.push_back(named(s->path) + ", demonstration " + std::to_string(i + 1) +
                                ": the program has no field " + named(key));
            }
        for (const auto& [name, text] : saved_tools(saved, s->path))
            if (!p->tool_descriptions().contains(name))
                found.push_back(named(s->path) + " has no tool or argument " + named(name));
    }
    return found;
}

parameters from_saved(const module& program, const saved_program& saved, bool models) {
    auto wrong = differences(program, saved);
    if (!wrong.empty()) {
        std::string text = "the file does not fit the program:";
        for (std::size_t i = 0; i < wrong.size(); ++i) {
            if (i == 20) {
                text += "\n- and " + std::to_string(wrong.size() - i) + " more";
                break;
            }
            text += "\n- " + wrong[i];
        }
        throw program_error{program_errc::mismatch, text};
    }
    parameters all;
    for (const predictor* p : predictors_of(program)) {
        const auto& s = *saved.find(p->predictor_path());
        predictor_parameters own;
        own.instructions = s.instructions;
        own.demos = s.demos;
        own.other = s.other;
        auto names = names_of(*p);
        auto before = fields_of(*p, p->signature());
        for (std::size_t i = 0; i < s.fields.size(); ++i) {
            if (s.fields[i].description != before[i].description) own.descriptions[names[i]] = s.fields[i].description;
            if (s.fields[i].prefix != before[i].prefix) own.prefixes[names[i]] = s.fields[i].prefix;
        }
        own.tools = saved_tools(saved, s.path);
        own.lm_document = s.lm;
        if (s.lm.is_object() && models) {
            const auto& lm = s.lm.get_object();
            if (auto* m = lm.if_contains("model"); m && m->is_string())
                own.lm = language_model{std::string{m->get_string()}};
            if (auto* t = lm.if_contains("temperature"); t && t->is_number())
                own.sampling.temperature = t->to_number<double>();
            if (auto* t = lm.if_contains("max_tokens");
                t && (t->is_int64() || t->is_uint64()) && t->to_number<std::int64_t>() > 0)
                own.sampling.max_tokens = t->to_number<std::uint64_t>();
        }
        if (const auto* choice = saved.addition("nearest"); choice && choice->is_object())
            if (const auto* one = choice->get_object().if_contains(s.path))
                own.selector = demo_selector_from(*one, "metadata.reagent.nearest." + s.path);
        all.predictors.emplace(s.path, std::move(own));
    }
    if (const auto* members = saved.addition("members")) {
        if (!members->is_array()) bad("metadata.reagent.members", "expected a list, got " + describe(*members));
        if (members->get_array().size() > 100) bad("metadata.reagent.members", "more than 100");
        for (const auto& m : members->get_array()) {
            const saved_program one{
                object_at(m, "metadata.reagent.members[" + std::to_string(all.members.size()) + "]")};
            if (one.addition("members")) bad("metadata.reagent.members", "a member has members of its own");
            all.members.push_back(std::make_shared<const parameters>(from_saved(program, one, models)));
        }
    }
    return all;
}

std::vector<std::string> differences(const saved_program& before, const saved_program& after) {
    std::vector<std::string> found;
    for (const auto& p : before.predictors())
        if (!after.find(p.path)) found.push_back(named(p.path) + " is gone");
    for (const auto& b : after.predictors()) {
        const auto* a = before.find(b.path);
        if (!a) {
            found.push_back(named(b.path) + " is new");
            continue;
        }
        if (a->instructions != b.instructions)
            found.push_back(named(b.path) + ", instructions:\n  - " + a->instructions.value_or("(none)") + "\n  + " +
                            b.instructions.value_or("(none)"));
        if (a->fields.size() != b.fields.size())
            found.push_back(named(b.path) + " has " + std::to_string(b.fields.size()) + " fields, not " +
                            std::to_string(a->fields.size()));
        else
            for (std::size_t i = 0; i < a->fields.size(); ++i)
                if (a->fields[i] != b.fields[i])
                    found.push_back(named(b.path) + ", field " + std::to_string(i + 1) + ":\n  - " +
                                    a->fields[i].prefix + " " + a->fields[i].description + "\n  + " +
                                    b.fields[i].prefix + " " + b.fields[i].description);
        for (std::size_t i = 0; i < std::max(a->demos.size(), b.demos.size()); ++i) {
            std::string which = named(b.path) + ", demonstration " + std::to_string(i + 1);
            if (i >= a->demos.size())
                found.push_back(which + ":\n  + " + cut(dump_json(json::value(b.demos[i])), 300));
            else if (i >= b.demos.size())
                found.push_back(which + ":\n  - " + cut(dump_json(json::value(a->demos[i])), 300));
            else if (!equal_json(json::value(a->demos[i]), json::value(b.demos[i])))
                found.push_back(which + ":\n  - " + cut(dump_json(json::value(a->demos[i])), 300) + "\n  + " +
                                cut(dump_json(json::value(b.demos[i])), 300));
        }
        if (!equal_json(a->lm, b.lm))
            found.push_back(named(b.path) + ", model:\n  - " + dump_json(a->lm) + "\n  + " + dump_json(b.lm));
    }
    for (const char* part : {"nearest", "members", "tools"}) {
        const auto *a = before.addition(part), *b = after.addition(part);
        if ((a || b) && !(a && b && equal_json(*a, *b)))
            found.push_back(std::string{part == std::string_view{"nearest"} ? "demonstrations chosen for each call"
                                        : part == std::string_view{"tools"} ? "descriptions of tools"
                                                                            : "members that vote"} +
                            (!a   ? ": new"
                             : !b ? ": gone"
                                  : ": changed"));
    }
    return found;
}

}  // namespace reagent
