#include <reagent/secret.hpp>

#include <boost/beast/core/detail/base64.hpp>
#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <utility>

using namespace reagent;

namespace {

std::string base64(const std::string& bytes) {
    namespace codec = boost::beast::detail::base64;
    std::string out(codec::encoded_size(bytes.size()), '\0');
    out.resize(codec::encode(out.data(), bytes.data(), bytes.size()));
    return out;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(redaction)

BOOST_AUTO_TEST_CASE(a_known_key_is_found_however_it_is_escaped) {
    const secret key{"sk-abc/D9\"x~q"}, both[] = {key, secret{"pass word+1"}, secret{"100%41b"}};
    for (const char* form :
         {"sk-abc/D9\"x~q", "sk%2Dabc/D9\"x~q", "sk%2dabc%2FD9%22x%7Eq", "%73%6b-abc/D9%22x~q", R"(sk-abc\/D9\"x~q)",
          R"(\u0073k-abc\/D9\u0022x~q)", R"(sk\u002Dabc\/D9\"x\u007eq)", R"(sk-abc\\/D9\\\"x~q)",
          "sk%252Dabc%252FD9%2522x~q", R"(sk\-abc/D9\"x\~q)", "sk-abc/D9&quot;x~q", "sk&#45;abc&#x2F;D9&#34;x~q",
          R"(\u0025\u0037\u0033k-abc/D9%22x~q)", R"(\x73k-abc/D9%22x~q)",
          // A part of an escape that is escaped another way.
          R"(\%750073k-abc/D9"x~q)", R"(&#1%315;k-abc/D9"x~q)", R"(&#1\u00315;k-abc/D9"x~q)", R"(\u00%373k-abc/D9"x~q)",
          R"(&#x7%33;k-abc/D9"x~q)", R"(\&#117;0073k-abc/D9"x~q)"}) {
        BOOST_TEST(redact("was " + std::string{form} + ", é%20 \\n kept%2C", key) == "was (secret), é%20 \\n kept%2C",
                   form);
        BOOST_TEST(redact(form, key) == "(secret)", form);
    }
    BOOST_TEST(redact("pass%20word%2B1 pass+word%2b1 pass+word+1 100%2541b 100%41b 100A1b", both) ==
               "(secret) (secret) (secret) (secret) (secret) 100A1b");
    BOOST_TEST(redact("100% sure, 5%zz, a\\q, \\u12, &nothing; & %", both) ==
               "100% sure, 5%zz, a\\q, \\u12, &nothing; & %");
    const secret accented{"schlüssel-🔑-9"};
    BOOST_TEST(redact(R"({"k":"schl\u00fcssel-\ud83d\udd11-9","u":"schl%C3%BCssel-%F0%9F%94%91-9"})", accented) ==
               R"-({"k":"(secret)","u":"(secret)"})-");
}

BOOST_AUTO_TEST_CASE(a_known_key_is_found_within_base64) {
    const secret key{"hunter2>>hunter2??"};
    for (std::string user : {"", "m", "me", "me@", "a long name"})
        for (std::string after : {"", "!", "!!", ":more"}) {
            std::string coded = base64(user + ":hunter2>>hunter2??" + after),
                        of_urls = replaced(replaced(coded, "+", "-"), "/", "_");
            for (const auto& form :
                 {coded, of_urls, replaced(coded, "/", "\\/"), replaced(replaced(coded, "/", "%2F"), "=", "%3D")})
                BOOST_TEST(redact("auth " + form + " was refused", key) == "auth (secret) was refused", form);
        }
    std::string harmless = base64("a harmless text of some length, without any of it");
    BOOST_TEST(redact("auth " + harmless, key) == "auth " + harmless);
}

// One way of writing within another one, as servers quote requests that quote others.
BOOST_AUTO_TEST_CASE(a_known_key_is_found_in_base64_of_its_other_forms_and_in_loose_references) {
    const std::string key = "sk-test-Zq9/Xw+7&Yp=LmN3";
    std::string percent = "sk-test-Zq9%2FXw%2B7%26Yp%3DLmN3", in_json = replaced(key, "/", "\\/"), loose, padded,
                sixteen;
    for (unsigned char c : key) {
        char hex[8];
        std::snprintf(hex, sizeof hex, "&#x%x", c);
        loose += "&#" + std::to_string(c);
        padded += "&#000000000" + std::to_string(c) + ";";
        sixteen += hex;
    }
    for (const auto& form : {base64("key=" + percent), base64("{\"k\": \"" + in_json + "\"}"), base64(base64(key)),
                             base64(base64("k=" + percent)), base64(padded), loose, padded, sixteen,
                             replaced(base64(base64(key)), "=", "%3D"), "/v1/" + base64(in_json)}) {
        auto shown = redact("bad key " + form + " end", secret{key});
        BOOST_TEST(shown.find(form) == shown.npos, form << " -> " << shown);
        BOOST_TEST(shown.find("(secret)") != shown.npos, form << " -> " << shown);
        BOOST_TEST(shown.ends_with(" end"), shown);
    }
    std::string harmless =
        "see /v1/some/long/path and " + base64("a harmless text, with nothing in it") + " &amp &#65 &#x41;";
    BOOST_TEST(redact(harmless, secret{key}) == harmless);
}

// Up to three writers after each other, each of which escapes what begins an escape, and what else it likes.
BOOST_AUTO_TEST_CASE(a_known_key_is_found_in_any_escapes_within_each_other) {
    std::mt19937 random{20261127};
    auto one_of = [&](int n) { return std::uniform_int_distribution{0, n - 1}(random); };
    auto written = [&](unsigned char c, int how) {
        char text[16];
        const char* forms[] = {"%%%02X", "%%%02x", "\\u%04x",  "\\u%04X", "\\x%02x",
                               "&#%d;",  "&#x%x;", "&#x%04X;", "&#0%d;"};
        std::snprintf(text, sizeof text, forms[how], c);
        return std::string{text};
    };
    constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_/+=!";
    for (int i = 0; i < 20'000; ++i) {
        std::string key = "q7";
        for (int n = 10 + one_of(20); n > 0; --n)
            key += letters[static_cast<std::size_t>(one_of(static_cast<int>(letters.size())))];
        std::string form = key;
        for (int layers = 1 + one_of(3), dense = 1 + one_of(6); layers > 0; --layers) {
            const int way = one_of(4);  // a writer has one way, or any
            std::string next;
            for (unsigned char c : form) {
                const int how = way == 0 ? one_of(2) : way == 1 ? 2 + one_of(3) : way == 2 ? 5 + one_of(4) : one_of(9);
                const bool special = c == '%' || c == '\\' || c == '&';
                next += special || one_of(dense) == 0 ? written(c, how) : std::string(1, static_cast<char>(c));
            }
            form = std::move(next);
        }
        const auto shown = redact("was " + form + " end", secret{key});
        if (shown != "was (secret) end")
            BOOST_TEST_REQUIRE(shown == "was (secret) end", key << " as " << form << " -> " << shown);
    }
}

BOOST_AUTO_TEST_CASE(what_looks_like_a_key_is_found_however_it_is_escaped) {
    const secret none;
    const std::pair<const char*, const char*> cases[] = {
        {"of sk%2Dproj%2DAb12Cd34Ef56.", "of (secret)."},
        {R"({"k":"\u0073k-proj-Ab12Cd34Ef56"})", R"-({"k":"(secret)"})-"},
        {R"(line\nsk-proj-Ab12Cd34Ef56\n)", R"-(line\n(secret)\n)-"},
        {R"(postgresql:\/\/app:pa55word@db\/shop)", R"(postgresql:\/\/app:(secret)@db\/shop)"},
        {"next=http%3A%2F%2Fh%2Fv1%3Fkey%3Dq1w2e3r4t5", "next=http%3A%2F%2Fh%2Fv1%3Fkey%3D(secret)"},
        {"http://h/v1;key=q1w2e3r4t5/x", "http://h/v1;key=(secret)"},
        {"href=\"/v1?a=b&amp;key=q1w2e3r4t5\"", "href=\"/v1?a=b&amp;key=(secret)\""},
        {"GET /x?token=q1w2e3r4t5&y=1", "GET /x?token=(secret)&y=1"},
    };
    for (auto [text, shown] : cases) BOOST_TEST(redact(text, none) == shown);
}

BOOST_AUTO_TEST_CASE(plain_words_are_no_keys) {
    for (const char* harmless :
         {"pip install sk-learn", "sk-learn and sk-complete", "class=\"sk-container-id-1 sk-toggleable__label-arrow\"",
          "a sk-estimator-doc-link", "hf_hub_download_parallel", "hf_model_name_or_path", "fw_update_firmware_version",
          "sk-skeleton-loader", "pa-something-with-many-words", "bearer authentication/is/required/here/now",
          "sk-some-very-long-name-of-a-class-in-css", "key=learn?key=wonderful"})
        BOOST_TEST(redact(harmless, secret{}) == harmless);
    BOOST_TEST(redact("sk-learn and sk-complete", secret{"sk-complete"}) == "sk-learn and (secret)");
}

// A text that is cut says "..." wherever it stands, also in the middle of what quotes it.
BOOST_AUTO_TEST_CASE(the_beginning_of_a_key_is_found_where_a_text_was_cut) {
    const std::string key = "q7Xk!own-key-9Lm2VbT4sZ", drawn = "sk-proj-Ab12Cd34Ef56Gh78Ij90";
    auto cut = [](std::string text, std::size_t limit) { return text.substr(0, limit) + "..."; };
    for (const auto& k : {key, drawn})
        for (std::size_t n = 6; n < k.size(); ++n)
            for (std::string mark : {"...", " ...", "\xE2\x80\xA6", "\n[cut here: 5 of 9 bytes are shown]"}) {
                std::string text = "the journal has \"" + std::string(20, 'x') + " " + k.substr(0, n) + mark +
                                   "\", the program \"yyy...\"";
                auto shown = redact(text, secret{key});
                if (k == drawn && n < 11) continue;  // nothing of it is told yet: "sk-proj-Ab"
                BOOST_TEST(shown.find(k.substr(0, 6)) == shown.npos, text << " -> " << shown);
                BOOST_TEST(shown.find("the program \"yyy...\"") != shown.npos, shown);
            }
    std::string harmless = "as it was... and as q7... it is, sk-learn... and so on ...";
    BOOST_TEST(redact(harmless, secret{key}) == harmless);
    BOOST_TEST(redact(cut("token: " + base64("user:" + key), 24), secret{key}).find("dXNlcjpxN1hr") ==
               std::string::npos);
}

// As mail and certificates write it (RFC 2045, RFC 7468), and as it stands in JSON.
BOOST_AUTO_TEST_CASE(a_key_is_found_in_base64_of_several_lines) {
    const std::string own = "hunter2>>hunter2??of_mine", drawn = "sk-proj-Ab12Cd34Ef56Gh78Ij90";
    for (const auto& key : {own, drawn})
        for (std::string end : {"\n", "\r\n", "\n  ", "\\n", "\\r\\n", "%0A", "&#10;"})
            for (std::size_t width : {16u, 64u, 76u})
                for (std::size_t before = 30; before < 80; before += 7) {
                    std::string coded = base64(std::string(before, 'a') + " " + key +
                                               " and more of it, so that it has lines"),
                                text;
                    for (std::size_t at = 0; at < coded.size(); at += width)
                        text += (at ? end : "") + coded.substr(at, width);
                    auto shown = redact("body: " + text + " end", secret{own});
                    BOOST_TEST(shown.find("(secret)") != shown.npos, text << " -> " << shown);
                    BOOST_TEST(shown.ends_with(" end"), shown);
                }
    std::string harmless =
        "a list\nof\nwords\nthat\nstand\nalone\nand mean nothing\nAnotherLineOfLetters\nandOneMoreOfThem";
    BOOST_TEST(redact(harmless, secret{own}) == harmless);
}

BOOST_AUTO_TEST_CASE(what_is_too_short_for_a_key_is_not_looked_for) {
    for (const char* key : {"k", "to", "key", ""})
        BOOST_TEST(redact("tokens of a key to keep", secret{key}) == "tokens of a key to keep");
}

// Texts that a program quadratic in them would read for hours: the test is that it ends.
BOOST_AUTO_TEST_CASE(redaction_is_linear) {
    const secret known[] = {secret{"aaaaaaaaaaaaaaaa"}, secret{"sk-sk-sk-sk-sk-"}};
    for (std::string piece : {"apikey=", "sk-", "bearer ", "?key=", "%25", "\\\\", "&#37;", "://", "a:b@", "aaaa",
                              "...", "aaaaaaa...", "aaaa\n", "QUFB", "eyJ-", "authorization: basic "}) {
        std::string text;
        while (text.size() < 4'000'000) text += piece;
        BOOST_TEST(redact(text, known).size() > 0u);
        BOOST_TEST(redact(text, secret{}).size() > 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
