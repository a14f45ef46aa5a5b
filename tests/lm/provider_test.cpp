// Every provider's requests, responses and streams, as its documentation has them (tests/lm/wire).
#include "../../sdk/src/lm/providers/protocol.hpp"
#include "support/cases.hpp"
#include "support/folder.hpp"

#include <reagent/error.hpp>
#include <reagent/http/events.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <map>

using namespace reagent;
using namespace reagent::test;

namespace {

const provider::protocol& protocol_named(std::string_view name) {
    for (const auto& p : provider::all())
        if (p.name == name) return *p.speaks;
    throw std::runtime_error{"no provider " + std::string{name}};
}

const std::string png = "\x89PNG\r\n\x1a\n";

std::string text(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : std::string{};
}

effort effort_named(const std::string& name) {
    for (auto e : {effort::none, effort::minimal, effort::low, effort::medium, effort::high})
        if (std::vector<std::string>{"none", "minimal", "low", "medium", "high"}[static_cast<std::size_t>(e)] == name)
            return e;
    throw std::runtime_error{name};
}

lm_request request_of(const json::object& o) {
    lm_request r;
    for (const auto& item : o.at("messages").as_array()) {
        const auto& m = item.as_object();
        message out;
        std::string who = text(m, "role");
        out.role = who == "system" ? role::system
                   : who == "user" ? role::user
                   : who == "tool" ? role::tool
                                   : role::assistant;
        out.content = text(m, "content");
        out.tool_call_id = text(m, "tool_call_id");
        if (auto* calls = m.if_contains("tool_calls"))
            for (const auto& c : calls->as_array()) {
                const auto& call = c.as_object();
                out.tool_calls.push_back(
                    {text(call, "id"), text(call, "name"), text(call, "arguments"), text(call, "signature")});
            }
        if (auto* blocks = m.if_contains("reasoning_blocks"))
            for (const auto& b : blocks->as_array()) out.reasoning_blocks.push_back(b);
        if (auto* images = m.if_contains("images"))
            for (const auto& i : images->as_array())
                out.images.push_back(i.as_object().contains("url") ? image::from_url(text(i.as_object(), "url"))
                                                                   : image::from_bytes(png));
        r.messages.push_back(std::move(out));
    }
    if (auto* tools = o.if_contains("tools"))
        for (const auto& t : tools->as_array())
            r.tools.push_back(
                {text(t.as_object(), "name"), text(t.as_object(), "description"), t.as_object().at("parameters")});
    if (auto* choice = o.if_contains("tool_choice")) {
        if (choice->is_object())
            r.tool_choice = {tool_choice::one, text(choice->as_object(), "name")};
        else if (*choice == "required")
            r.tool_choice.kind = tool_choice::required;
        else if (*choice == "none")
            r.tool_choice.kind = tool_choice::none;
    }
    if (auto* p = o.if_contains("parallel_tool_calls")) r.parallel_tool_calls = p->as_bool();
    if (auto* s = o.if_contains("schema")) r.outputs_schema = s->as_object();
    if (auto* given = o.if_contains("sampling")) {
        const auto& s = given->as_object();
        auto number = [&](const char* key, auto& to) {
            if (auto* v = s.if_contains(key)) to = v->to_number<typename std::decay_t<decltype(to)>::value_type>();
        };
        number("temperature", r.sampling.temperature);
        number("top_p", r.sampling.top_p);
        number("max_tokens", r.sampling.max_tokens);
        number("seed", r.sampling.seed);
        number("n", r.sampling.n);
        if (auto* v = s.if_contains("stop")) r.sampling.stop = json::value_to<std::vector<std::string>>(*v);
        if (s.contains("reasoning_effort")) r.sampling.reasoning_effort = effort_named(text(s, "reasoning_effort"));
    }
    return r;
}

struct wire_case {
    std::string provider, kind;
    json::object file, data;
};
std::ostream& operator<<(std::ostream& out, const wire_case& c) {
    return out << c.provider << " " << c.kind << ": " << text(c.data, "name");
}

std::vector<wire_case> cases(const char* kind) {
    std::vector<wire_case> all;
    for (const char* name : {"openai", "openai-responses", "anthropic", "gemini", "ollama", "cohere"}) {
        json::object file = read_json(std::string{"lm/wire/"} + name + ".json").as_object();
        for (const auto& c : file.at(kind).as_array()) all.push_back({name, kind, file, c.as_object()});
    }
    return all;
}

void check_error(const json::object& expected, const lm_error& e) {
    static const std::map<std::string, lm_errc> codes{{"authentication", lm_errc::authentication},
                                                      {"rate_limited", lm_errc::rate_limited},
                                                      {"context_length", lm_errc::context_length},
                                                      {"server_error", lm_errc::server_error},
                                                      {"malformed_response", lm_errc::malformed_response},
                                                      {"invalid_request", lm_errc::invalid_request},
                                                      {"unsupported_option", lm_errc::unsupported_option},
                                                      {"unavailable", lm_errc::unavailable},
                                                      {"not_found", lm_errc::not_found},
                                                      {"content_filter", lm_errc::content_filter}};
    BOOST_TEST((e.code() == codes.at(text(expected, "code"))), e.what());
    BOOST_TEST(std::string{e.what()}.find(text(expected, "text")) != std::string::npos, e.what());
    if (auto* ms = expected.if_contains("retry_after_ms")) {
        BOOST_REQUIRE(e.details().retry_after.has_value());
        BOOST_TEST(e.details().retry_after->count() == ms->as_int64());
    }
}

void check_answer(const json::object& expected, const lm_response& r) {
    for (const auto& [key, v] : expected) {
        if (key == "text") BOOST_TEST(r.text == v.as_string().c_str());
        if (key == "reasoning") BOOST_TEST(r.reasoning == v.as_string().c_str());
        if (key == "model") BOOST_TEST(r.model == v.as_string().c_str());
        if (key == "finish") BOOST_TEST(to_string(r.finish) == std::string_view{v.as_string()});
        if (key == "prompt_tokens") BOOST_TEST(r.usage.prompt_tokens == v.to_number<std::uint64_t>());
        if (key == "completion_tokens") BOOST_TEST(r.usage.completion_tokens == v.to_number<std::uint64_t>());
        if (key == "cached_tokens") BOOST_TEST(r.usage.cached_tokens == v.to_number<std::uint64_t>());
        if (key == "reasoning_tokens") BOOST_TEST(r.usage.reasoning_tokens == v.to_number<std::uint64_t>());
        if (key == "alternatives") BOOST_TEST(r.alternatives == json::value_to<std::vector<std::string>>(v));
        if (key == "reasoning_blocks")
            BOOST_TEST(json::value(json::array(r.reasoning_blocks.begin(), r.reasoning_blocks.end())) == v);
        if (key == "signature") BOOST_TEST(r.tool_calls.at(0).signature == v.as_string().c_str());
        if (key == "tool_calls") {
            json::array calls;
            for (const auto& c : r.tool_calls) {
                json::array one{json::string(c.id), json::string(c.name), json::parse(c.arguments)};
                calls.push_back(std::move(one));
            }
            BOOST_TEST(json::value(calls) == v);
        }
    }
    BOOST_TEST(r.usage.calls == 1u);
}

std::string bytes_of(const wire_case& c) {
    bool lines = c.file.contains("lines");
    std::string bytes;
    for (const auto& e : c.data.at("events").as_array()) {
        if (lines) {
            bytes += json::serialize(e) + "\n";
            continue;
        }
        if (c.data.contains("named")) bytes += "event: " + text(e.as_object(), "type") + "\r\n";
        bytes += "data: " + json::serialize(e) + "\r\n\r\n";
    }
    if (c.data.contains("done")) bytes += "data: [DONE]\n\n";
    return bytes;
}

struct streamed {
    std::vector<std::string> pieces;
    lm_response answer;
};

streamed read_stream(const provider::protocol& p, const std::vector<std::string_view>& chunks) {
    streamed s;
    auto reader = p.stream();
    std::vector<lm_event> events;
    if (p.streams_lines()) {
        http::line_parser parser;
        std::vector<std::string> lines;
        for (auto c : chunks) parser.feed(c, lines);
        parser.finish(lines);
        for (const auto& l : lines) reader->read({}, l, events);
    } else {
        http::event_parser parser;
        std::vector<http::server_event> parts;
        for (auto c : chunks) parser.feed(c, parts);
        for (const auto& e : parts)
            if (e.data != "[DONE]") reader->read(e.name, e.data, events);
    }
    for (const auto& e : events)
        if (e.kind == lm_event::text) s.pieces.push_back(e.text_piece);
    s.answer = reader->finish();
    return s;
}

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(json::value)

BOOST_DATA_TEST_CASE(requests_are_as_documented, boost::unit_test::data::make(cases("requests"))) {
    const auto& p = protocol_named(sample.provider);
    provider::call_settings settings{text(sample.file, "model")};
    if (sample.data.contains("model")) settings.model = text(sample.data, "model");
    settings.stream = sample.data.contains("stream");
    settings.drop_unsupported = sample.data.contains("drop");
    settings.cache_prompt = sample.data.contains("cache_prompt");
    auto request = request_of(sample.data.at("request").as_object());
    if (auto* e = sample.data.if_contains("error")) {
        BOOST_CHECK_EXCEPTION(p.write(settings, request), lm_error, [&](const lm_error& x) {
            check_error(e->as_object(), x);
            return true;
        });
        return;
    }
    auto call = p.write(settings, request);
    BOOST_TEST(call.target == text(sample.data, "target"));
    BOOST_TEST((json::parse(call.body) == sample.data.at("body")), call.body
                                                                       << "\n  is not\n"
                                                                       << json::serialize(sample.data.at("body")));
    std::vector<std::string> dropped;
    if (auto* d = sample.data.if_contains("dropped")) dropped = json::value_to<std::vector<std::string>>(*d);
    BOOST_TEST(call.dropped == dropped, boost::test_tools::per_element());
}

BOOST_DATA_TEST_CASE(responses_are_read, boost::unit_test::data::make(cases("responses"))) {
    const auto& p = protocol_named(sample.provider);
    http::response r;
    r.status = sample.data.contains("status") ? static_cast<int>(sample.data.at("status").as_int64()) : 200;
    r.body = json::serialize(sample.data.at("body"));
    if (auto* headers = sample.data.if_contains("headers"))
        for (const auto& [name, v] : headers->as_object()) r.headers.emplace_back(name, v.as_string().c_str());
    auto read = [&] {
        if (r.status != 200) provider::throw_status(r, "test", std::vector{secret{"sk-0123"}});
        return p.read(r.body);
    };
    if (auto* e = sample.data.if_contains("error")) {
        BOOST_CHECK_EXCEPTION(read(), lm_error, [&](const lm_error& x) {
            check_error(e->as_object(), x);
            BOOST_TEST(std::string{x.what()}.find("sk-abc") == std::string::npos, x.what());
            return true;
        });
        return;
    }
    check_answer(sample.data.at("expect").as_object(), read());
}

BOOST_DATA_TEST_CASE(streams_are_read_in_any_chunks, boost::unit_test::data::make(cases("streams"))) {
    const auto& p = protocol_named(sample.provider);
    std::string bytes = bytes_of(sample);
    std::string_view all = bytes;
    auto check = [&](const std::vector<std::string_view>& chunks) {
        if (auto* e = sample.data.if_contains("error")) {
            BOOST_CHECK_EXCEPTION(read_stream(p, chunks), lm_error, [&](const lm_error& x) {
                check_error(e->as_object(), x);
                return true;
            });
            return;
        }
        auto s = read_stream(p, chunks);
        const auto& expected = sample.data.at("expect").as_object();
        check_answer(expected, s.answer);
        if (auto* pieces = expected.if_contains("pieces"))
            BOOST_TEST(s.pieces == json::value_to<std::vector<std::string>>(*pieces));
    };
    for (std::size_t cut = 0; cut <= all.size(); ++cut) check({all.substr(0, cut), all.substr(cut)});
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < all.size(); ++i) single.push_back(all.substr(i, 1));
    check(single);
}

BOOST_AUTO_TEST_CASE(credentials_are_where_each_provider_wants_them) {
    for (const char* name : {"openai", "openai-responses", "anthropic", "gemini", "ollama", "cohere"}) {
        json::object file = read_json(std::string{"lm/wire/"} + name + ".json").as_object();
        auto headers = protocol_named(name).credentials(secret{"key-1"});
        BOOST_REQUIRE(headers.size() == 1u);
        std::string wanted = file.contains("credential") ? text(file, "credential") : "authorization";
        BOOST_TEST(headers[0].first == wanted);
        BOOST_TEST(headers[0].second == (wanted == "authorization" ? "Bearer key-1" : "key-1"));
        BOOST_TEST(protocol_named(name).credentials(secret{}).empty());
        if (auto* h = file.if_contains("headers"))
            for (const auto& [key, v] : h->as_object())
                BOOST_TEST(
                    (protocol_named(name).headers() == http::header_list{{std::string{key}, v.as_string().c_str()}}));
    }
}

BOOST_AUTO_TEST_CASE(retry_after_is_read_in_every_form) {
    auto wait = [](const char* name, const std::string& value) -> std::optional<std::chrono::milliseconds> {
        try {
            provider::throw_status({429, {{name, value}}, "{}"}, "test", {});
        } catch (const lm_error& e) {
            return e.details().retry_after;
        }
    };
    using std::chrono::milliseconds;
    BOOST_TEST((wait("retry-after", "2") == milliseconds{2000}));
    BOOST_TEST((wait("retry-after", " 0.5 ") == milliseconds{500}));
    BOOST_TEST((wait("retry-after-ms", "120") == milliseconds{120}));
    BOOST_TEST((wait("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT") == milliseconds{0}));  // is past
    auto then = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + std::chrono::seconds{100});
    char date[64];
    std::tm parts{};
    gmtime_r(&then, &parts);
    std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    auto ms = wait("retry-after", date);
    BOOST_REQUIRE(ms.has_value());
    BOOST_TEST(ms->count() > 90'000);
    BOOST_TEST(ms->count() <= 100'000);
    for (const char* endless : {"99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"})
        BOOST_TEST((wait("retry-after", endless) == std::chrono::hours{24 * 365}));
    for (const char* nonsense : {"soon", "-5", "1e9", ""}) BOOST_TEST(!wait("retry-after", nonsense).has_value());
}

BOOST_AUTO_TEST_CASE(images_are_checked) {
    BOOST_TEST(image::from_bytes(png + "x").media_type == "image/png");
    BOOST_TEST(image::from_bytes("\xff\xd8\xff\xe0").media_type == "image/jpeg");
    BOOST_TEST(image::from_bytes("GIF89a").media_type == "image/gif");
    BOOST_TEST(image::from_bytes(std::string{"RIFF\0\0\0\0WEBP", 12}).media_type == "image/webp");
    BOOST_CHECK_THROW(image::from_bytes("<svg>"), lm_error);
    BOOST_CHECK_THROW(image::from_bytes(png + std::string(max_image_bytes, 'x')), lm_error);
    BOOST_CHECK_THROW(image::from_url("file:///etc/passwd"), lm_error);
    BOOST_CHECK_THROW(image::from_url("javascript:1"), lm_error);
}

BOOST_AUTO_TEST_CASE(an_image_is_read_from_a_file) {
    folder files;
    BOOST_TEST(image::from_file(files.write("a.png", png + "x")).bytes == png + "x");
    auto says = [](const char* what) {
        return [what](const lm_error& e) {
            return std::string{e.what()}.find(what) != std::string::npos &&
                   std::string{e.what()}.find("other.png") != std::string::npos;
        };
    };
    BOOST_CHECK_EXCEPTION(image::from_file(files.path / "other.png"), lm_error, says("cannot be read"));
    BOOST_CHECK_EXCEPTION(image::from_file(files.write("other.png", "<svg>")), lm_error, says("is no PNG"));
}
