#include <reagent/signature/signature.hpp>

#include "../base/text.hpp"
#include "python_type.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

using detail::lexer;
using detail::token;

struct parameter {
    std::string name;
    std::size_t position = 0;
    detail::python_type type{"str", {}, {}, false};
    bool has_default = false;
};

// Python's parameter list. Parameters that Python would not call by position and name (`*a`, what follows it, what
// stands before `/`) are no fields.
class parameter_parser {
public:
    parameter_parser(std::string_view text, std::size_t begin, std::size_t end, const named_types& types)
        : in_{text, begin, end}, types_{types} {}

    std::vector<parameter> parse() {
        std::vector<parameter> fields;
        bool defaults = false, starred = false, slashed = false, keywords = false;
        while (in_.peek().kind != token::end) {
            if (keywords) in_.fail("nothing may follow `**`");
            if (in_.peek().is("/")) {
                if (slashed || starred || fields.empty()) in_.fail("`/` cannot stand here", "leave it out");
                in_.take();
                slashed = true;
                fields.clear();
            } else if (in_.peek().is("*") || in_.peek().is("**")) {
                bool twice = in_.take().text == "**";
                if (starred && !twice) in_.fail("`*` cannot stand here twice", "leave it out");
                if (twice || !in_.peek().is(","))
                    one();
                else if (peek_is_last_comma())
                    in_.fail("named fields must follow `*`", "leave it out");
                (twice ? keywords : starred) = true;
            } else {
                parameter p = one();
                if (!starred && defaults && !p.has_default)
                    lexer::fail_at(p.position, "field `" + p.name + "` without a default follows one with a default",
                                   "move it to the front");
                defaults = defaults || p.has_default;
                if (!starred) fields.push_back(std::move(p));
            }
            if (in_.peek().kind == token::end) break;
            if (!in_.peek().is(","))
                in_.fail("expected `,` between fields, found `" + in_.peek().text + "`",
                         "a field is `name` or `name: type`");
            in_.take();
        }
        return fields;
    }

private:
    bool peek_is_last_comma() {
        lexer ahead = in_;
        ahead.take();
        return ahead.peek().kind == token::end;
    }

    parameter one() {
        token t = in_.peek();
        if (t.kind != token::name)
            in_.fail(
                t.kind == token::end ? "a field's name is missing" : "expected a field's name, found `" + t.text + "`",
                "a field is `name` or `name: type`");
        if (detail::is_python_keyword(t.text))
            lexer::fail_at(t.position, "`" + t.text + "` is a Python keyword and cannot name a field",
                           "write `" + t.text + "_text` or another name");
        in_.take();
        parameter p{t.text, t.position, {"str", {}, {}, false}, false};
        if (in_.accept(":")) p.type = detail::parse_type(in_, types_);
        if (p.type.name == "NoneType") p.type.name = "str";  // Python's annotation `None` is no annotation
        if (in_.accept("=")) {
            for (const char* op : {">", "=", "<", "*", "/", "%", "|", "&"})
                if (in_.peek().is(op))
                    in_.fail("`=" + std::string{op} + "` cannot stand here", "write the arrow as `->`");
            p.has_default = true;
            skip_expression();
        }
        return p;
    }

    void skip_expression() {
        int open = 0;
        bool any = false;
        while (in_.peek().kind != token::end && !(open == 0 && in_.peek().is(","))) {
            const token& t = in_.peek();
            if (t.is("[") || t.is("(") || t.is("{")) ++open;
            if (t.is("]") || t.is(")") || t.is("}")) --open;
            if (open < 0) in_.fail("unbalanced `" + t.text + "`");
            any = true;
            in_.take();
        }
        if (!any || open > 0)
            in_.fail("the default value is missing or unfinished", "defaults are ignored; leave it out");
    }

    lexer in_;
    const named_types& types_;
};

std::vector<signature_field> make_fields(std::vector<parameter> parameters, const named_types& types) {
    std::vector<signature_field> fields;
    for (auto& p : parameters) {
        if (p.name.starts_with('_'))
            lexer::fail_at(p.position, "field `" + p.name + "` starts with an underscore", "drop the underscore",
                           signature_errc::bad_name);
        schema shape{detail::schema_of_type(p.type, types), {.assert_formats = true}};
        auto field = make_field(p.name, p.type.print(), shape);
        field.kind = detail::kind_of(p.type, shape);
        auto same = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == p.name; });
        if (same != fields.end())
            *same = std::move(field);
        else
            fields.push_back(std::move(field));
    }
    return fields;
}

}  // namespace

signature parse_signature(std::string_view text, const named_types& types) {
    constexpr std::size_t max_size = 64 * 1024;
    if (text.size() > max_size)
        lexer::fail_at(max_size, "the signature is longer than 64 KiB", "name a struct for large types");
    auto arrow = text.find("->");
    if (arrow == text.npos) {
        auto near = std::min({text.find("=>"), text.find("\u2192"), text.size()});
        lexer::fail_at(near, "there is no `->` between inputs and outputs", "write `question -> answer`");
    }
    if (auto second = text.find("->", arrow + 2); second != text.npos)
        lexer::fail_at(second, "there is a second `->`", "a signature has one arrow, and no field may hold one");
    auto inputs = parameter_parser{text, 0, arrow, types}.parse();
    auto outputs = parameter_parser{text, arrow + 2, text.size(), types}.parse();
    for (const auto& o : outputs)
        for (const auto& i : inputs)
            if (o.name == i.name)
                lexer::fail_at(o.position, "field `" + o.name + "` is an input and an output", "rename one of them",
                               signature_errc::duplicate_field);
    signature s;
    s.inputs = make_fields(std::move(inputs), types);
    s.outputs = make_fields(std::move(outputs), types);
    s.instructions = default_instructions(s);
    return s;
}

}  // namespace reagent
