#include "commands.hpp"

#include <reagent/adapter/adapter.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <iostream>
#include <iterator>

namespace reagent::cli {
namespace {

constexpr std::size_t max_input = 64 * 1024 * 1024;

std::string all_of(std::istream& in) {
    std::string text;
    char buffer[65536];
    while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
        text.append(buffer, static_cast<std::size_t>(in.gcount()));
        if (text.size() > max_input) throw std::runtime_error{"the input is larger than 64 MiB"};
    }
    return text;
}

json::array described(const std::vector<signature_field>& fields) {
    json::array list;
    for (const auto& f : fields)
        list.push_back(
            json::object{{"name", f.name}, {"type", f.type}, {"description", f.description}, {"prefix", f.prefix}});
    return list;
}

void show_error(const std::string& text, const signature_error& e) {
    terminal t{true};
    std::string message = e.what();
    std::cerr << t.red("error: ") << printable(message) << "\n";
    // A caret under the place, where the text is one line.
    if (text.find_first_of("\n\t") != text.npos || e.position() > text.size()) return;
    std::size_t column = 0;
    for (std::size_t i = 0; i < e.position(); ++i) column += (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    std::cerr << "  " << printable(text) << "\n  " << std::string(column, ' ') << t.red("^") << "\n";
}

json::object error_object(const signature_error& e) {
    return {{"error", json::object{{"message", e.what()}, {"position", e.position()}, {"hint", e.hint()}}}};
}

}  // namespace

named_types types_from(const std::string& file) {
    if (file.empty()) return {};
    auto parsed = parse_json(text_of(file));
    if (!parsed || !parsed->is_object())
        throw std::runtime_error{"the types file \"" + file + "\" is no JSON object of type name to JSON Schema"};
    const json::object* models = &parsed->get_object();
    if (auto* inner = models->if_contains("models"); inner && inner->is_object()) models = &inner->get_object();
    named_types types;
    for (const auto& [name, s] : *models) types[std::string{name}] = s;
    return types;
}

void add_signature(CLI::App& app, command& chosen) {
    struct options {
        std::string text, types;
        bool json = false;
    };
    auto o = std::make_shared<options>();
    auto* c = app.add_subcommand("signature", "Reads a signature and shows its fields, or where it is wrong");
    c->add_option("SIGNATURE", o->text, "as \"context: list[str], question -> answer: int\"")->required();
    c->add_option("--types", o->types, "JSON file: type name to JSON Schema");
    c->add_flag("--json", o->json, "machine-readable output");
    c->footer(
        "Exit code 1 when the signature is wrong, with position and hint.\n\nExamples:\n  reagent signature \"question "
        "-> answer: "
        "float\"\n  reagent signature \"text -> item: Item\" --types types.json --json");
    c->callback([o, &chosen] {
        chosen = [o] {
            try {
                signature s = parse_signature(o->text, types_from(o->types));
                if (o->json) {
                    std::cout << dump_json(json::object{{"inputs", described(s.inputs)},
                                                        {"outputs", described(s.outputs)},
                                                        {"instructions", s.instructions}})
                              << "\n";
                    return 0;
                }
                terminal t;
                for (auto [title, fields] : {std::pair{"inputs", &s.inputs}, {"outputs", &s.outputs}}) {
                    std::cout << t.bold(title) << "\n";
                    for (const auto& f : *fields)
                        std::cout << "  " << printable(f.name) << ": " << t.cyan(printable(f.type)) << "\n";
                    if (fields->empty()) std::cout << t.dim("  (none)") << "\n";
                }
                return 0;
            } catch (const signature_error& e) {
                if (o->json)
                    std::cout << dump_json(error_object(e)) << "\n";
                else
                    show_error(o->text, e);
                return 1;
            }
        };
    });
}

void add_parse(CLI::App& app, command& chosen) {
    struct options {
        std::string signature, adapter = "chat", types;
    };
    auto o = std::make_shared<options>();
    auto* c = app.add_subcommand("parse",
                                 "Reads a model's completion from stdin by a signature and prints its fields as JSON");
    c->add_option("--signature,-s", o->signature, "the signature that the completion answers")->required();
    c->add_option("--adapter,-a", o->adapter, "chat, json or xml")
        ->check(CLI::IsMember({"chat", "json", "xml"}))
        ->capture_default_str();
    c->add_option("--types", o->types, "JSON file: type name to JSON Schema");
    c->footer(
        "Exit code 1 and an error object when the completion cannot be read. Numbers that JSON does not have "
        "are\nwritten {\"float\": "
        "\"inf\"}.\n\nExample:\n  reagent parse --signature \"question -> answer: int\" --adapter json < "
        "completion.txt");
    c->callback([o, &chosen] {
        chosen = [o] {
            try {
                signature s = parse_signature(o->signature, types_from(o->types));
                std::string completion = all_of(std::cin);
                auto outputs = parse(adapter_named(o->adapter), s, completion);
                if (outputs) {
                    std::cout << shown_json(*outputs) << "\n";
                    return 0;
                }
                const auto& f = outputs.error();
                std::cout << dump_json(
                                 json::object{{"error", json::object{{"message", f.message},
                                                                     {"field", f.field},
                                                                     {"code", make_error_code(f.code).message()}}}})
                          << "\n";
            } catch (const signature_error& e) {
                std::cout << dump_json(error_object(e)) << "\n";
            }
            return 1;
        };
    });
}

}  // namespace reagent::cli
