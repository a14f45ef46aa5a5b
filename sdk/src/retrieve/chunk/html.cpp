#include "../../base/text.hpp"
#include "units.hpp"

#include <gumbo.h>

#include <chrono>
#include <csetjmp>
#include <cstddef>
#include <memory>

namespace reagent::detail {
namespace {

constexpr std::size_t most_bytes = 16 * 1024 * 1024, bytes_of_a_block = 1024 * 1024, least_memory = 16 * 1024 * 1024,
                      most_memory = 256 * 1024 * 1024, memory_of_a_byte = 64;
constexpr std::chrono::seconds patience{10};

// What gumbo allocates. It is given back at once, since gumbo frees trees by recursion; and it has limits, since short
// documents make trees of any size (each paragraph opens every unclosed <b> again) and take quadratic time. gumbo knows
// no failing allocator, so it is left by longjmp: no C++ object lives in between.
struct arena {
    explicit arena(std::size_t document) : left{std::min(most_memory, least_memory + document * memory_of_a_byte)} {}

    std::vector<std::unique_ptr<std::byte[]>> blocks;
    std::byte* at = nullptr;
    std::size_t room = 0, left;
    unsigned calls = 0;
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + patience;
    std::jmp_buf out;

    std::byte* allocate(std::size_t size) noexcept {
        size = (size + 15) / 16 * 16;
        if (++calls % 64 == 0 && std::chrono::steady_clock::now() > deadline) return nullptr;
        if (size > room) {
            const std::size_t block = std::max(size, bytes_of_a_block);
            if (block > left) return nullptr;
            try {
                blocks.push_back(std::make_unique<std::byte[]>(block));
            } catch (const std::bad_alloc&) {
                return nullptr;
            }
            left -= block;
            at = blocks.back().get();
            room = block;
        }
        auto* given = at;
        at += size;
        room -= size;
        return given;
    }
};

void* allocate(void* from, std::size_t size) {
    auto& a = *static_cast<arena*>(from);
    if (auto* given = a.allocate(size)) return given;
    std::longjmp(a.out, 1);
}

void leave(void*, void*) {}

const GumboOutput* parse(arena& memory, std::string_view document) {
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = allocate;
    options.deallocator = leave;
    options.userdata = &memory;
    options.max_errors = 0;
    if (setjmp(memory.out) != 0) return nullptr;
    return gumbo_parse_with_options(&options, document.data(), document.size());
}

enum class role { inline_text, block, heading, code, title, skipped };

role role_of(GumboTag tag) {
    switch (tag) {
        case GUMBO_TAG_SCRIPT:
        case GUMBO_TAG_STYLE:
        case GUMBO_TAG_TEMPLATE:
        case GUMBO_TAG_IFRAME: return role::skipped;
        case GUMBO_TAG_TITLE: return role::title;
        case GUMBO_TAG_PRE: return role::code;
        case GUMBO_TAG_H1:
        case GUMBO_TAG_H2:
        case GUMBO_TAG_H3:
        case GUMBO_TAG_H4:
        case GUMBO_TAG_H5:
        case GUMBO_TAG_H6: return role::heading;
        case GUMBO_TAG_A:
        case GUMBO_TAG_ABBR:
        case GUMBO_TAG_B:
        case GUMBO_TAG_BDI:
        case GUMBO_TAG_BDO:
        case GUMBO_TAG_CITE:
        case GUMBO_TAG_CODE:
        case GUMBO_TAG_DATA:
        case GUMBO_TAG_DFN:
        case GUMBO_TAG_EM:
        case GUMBO_TAG_FONT:
        case GUMBO_TAG_I:
        case GUMBO_TAG_KBD:
        case GUMBO_TAG_LABEL:
        case GUMBO_TAG_MARK:
        case GUMBO_TAG_Q:
        case GUMBO_TAG_S:
        case GUMBO_TAG_SAMP:
        case GUMBO_TAG_SMALL:
        case GUMBO_TAG_SPAN:
        case GUMBO_TAG_STRONG:
        case GUMBO_TAG_SUB:
        case GUMBO_TAG_SUP:
        case GUMBO_TAG_TIME:
        case GUMBO_TAG_U:
        case GUMBO_TAG_VAR:
        case GUMBO_TAG_WBR:
        case GUMBO_TAG_TT:
        case GUMBO_TAG_BIG:
        case GUMBO_TAG_INS:
        case GUMBO_TAG_DEL:
        case GUMBO_TAG_IMG: return role::inline_text;
        default: return role::block;
    }
}

// A drawing's title is not the page's.
role role_of(const GumboElement& e) {
    const auto of = role_of(e.tag);
    return of == role::title && e.tag_namespace != GUMBO_NAMESPACE_HTML ? role::block : of;
}

// Where each byte of a text begins and ends in the bytes that it was read from, which hold entities. A place that
// cannot be known is one nearby, so that begins and ends stay in order.
struct places {
    std::vector<std::uint32_t> begins, ends;
    places(std::string_view text, std::string_view raw, std::size_t offset);
};

std::size_t length_of_point(std::string_view text, std::size_t at) {
    std::size_t n = 1;
    while (at + n < text.size() && (static_cast<unsigned char>(text[at + n]) & 0xC0) == 0x80) ++n;
    return n;
}

std::size_t end_of_entity(std::string_view raw, std::size_t at) {
    std::size_t end = at + 1;
    while (end < raw.size() && end - at < 40 && (is_alpha(raw[end]) || is_digit(raw[end]) || raw[end] == '#')) ++end;
    return end < raw.size() && raw[end] == ';' ? end + 1 : end;
}

places::places(std::string_view text, std::string_view raw, std::size_t offset) {
    begins.reserve(text.size());
    ends.reserve(text.size());
    std::size_t i = 0;
    for (std::size_t j = 0; j < text.size();) {
        std::size_t n = 1, m = 1;  // bytes of the text, and of what it was read from
        const auto rest = raw.substr(std::min(i, raw.size()));
        if (rest.empty())
            m = 0;
        else if (rest[0] == '&' && (rest.size() > 1 && (is_alpha(rest[1]) || rest[1] == '#')) &&
                 (text[j] != '&' || rest.starts_with("&amp") || rest.starts_with("&#") || rest.starts_with("&AMP"))) {
            n = length_of_point(text, j);
            m = end_of_entity(raw, i) - i;
            const auto fits = [&](std::size_t size) {
                return i + m >= raw.size() || j + size >= text.size() || text[j + size] == raw[i + m] ||
                       raw[i + m] == '&' || is_space(raw[i + m]);
            };
            if (!fits(n) && j + n < text.size() && fits(n + length_of_point(text, j + n)))
                n += length_of_point(text, j + n);  // some stand for two
        } else if (rest[0] == '\r' && text[j] == '\n')
            m = rest.starts_with("\r\n") ? 2 : 1;
        else if (rest[0] != text[j])  // no UTF-8, or zero
            n = length_of_point(text, j);
        n = std::min(n, text.size() - j);
        const auto begin = static_cast<std::uint32_t>(offset + std::min(i, raw.size())),
                   end = static_cast<std::uint32_t>(offset + std::min(i + m, raw.size()));
        begins.insert(begins.end(), n, begin);
        ends.insert(ends.end(), n, end);
        i += m;
        j += n;
    }
}

// Walks the tree without recursion: documents are as deep as they like.
class html_reader {
public:
    explicit html_reader(std::string_view d) : document_{d} { units_.own.emplace(); }

    units read(const GumboNode* root) {
        const GumboNode* at = root;
        while (at) {
            const bool entered = enter(at);
            if (const auto* child = entered ? first_child(at) : nullptr) {
                at = child;
                continue;
            }
            leave(at);
            while (at != root && !sibling(at)) {
                at = at->parent;
                leave(at);
            }
            at = at == root ? nullptr : sibling(at);
        }
        close_block();
        return std::move(units_);
    }

private:
    static bool is_element(const GumboNode* n) {
        return n->type == GUMBO_NODE_ELEMENT || n->type == GUMBO_NODE_TEMPLATE;
    }
    static const GumboVector* children(const GumboNode* n) {
        return is_element(n)                    ? &n->v.element.children
               : n->type == GUMBO_NODE_DOCUMENT ? &n->v.document.children
                                                : nullptr;
    }
    static const GumboNode* child(const GumboVector* of, std::size_t i) {
        return of && i < of->length ? static_cast<const GumboNode*>(of->data[i]) : nullptr;
    }
    static const GumboNode* first_child(const GumboNode* n) { return child(children(n), 0); }
    static const GumboNode* sibling(const GumboNode* n) {
        return n->parent ? child(children(n->parent), n->index_within_parent + 1) : nullptr;
    }
    static std::size_t level_of(GumboTag tag) {
        return static_cast<std::size_t>(tag) - static_cast<std::size_t>(GUMBO_TAG_H1) + 1;
    }

    bool enter(const GumboNode* n) {
        if (n->type == GUMBO_NODE_TEXT || n->type == GUMBO_NODE_CDATA || n->type == GUMBO_NODE_WHITESPACE)
            add_text(n->v.text);
        if (!is_element(n)) return n->type == GUMBO_NODE_DOCUMENT;
        switch (role_of(n->v.element)) {
            case role::skipped: return false;
            case role::inline_text: add_alternative(n->v.element); return true;
            case role::code:
                close_block();
                ++code_;
                return true;
            case role::title:
                close_block();
                title_ = true;
                return true;
            case role::heading: close_block(); return true;
            case role::block: close_block(); return true;
        }
        return true;
    }

    void leave(const GumboNode* n) {
        if (!is_element(n)) return;
        switch (role_of(n->v.element)) {
            case role::heading: open_section(level_of(n->v.element.tag)); break;
            case role::code:
                close_block();
                --code_;
                break;
            case role::title:
                open_section(0);
                title_ = false;
                break;
            case role::block: close_block(); break;
            default: break;
        }
    }

    void add_text(const GumboText& t) {
        add(t.text ? std::string_view{t.text} : std::string_view{},
            std::string_view{t.original_text.data, t.original_text.data ? t.original_text.length : 0});
    }

    // What stands for a picture.
    void add_alternative(const GumboElement& e) {
        const auto* alt = e.tag == GUMBO_TAG_IMG ? gumbo_get_attribute(&e.attributes, "alt") : nullptr;
        if (!alt || !alt->value || !*alt->value) return;
        std::string_view raw{alt->original_value.data, alt->original_value.length};
        if (raw.size() > 1 && (raw.front() == '"' || raw.front() == '\'')) raw = raw.substr(1, raw.size() - 2);
        add(" ", raw.substr(0, 0));
        add(alt->value, raw);
        add(" ", raw.substr(raw.size()));
    }

    // @param raw where it stands in the document
    void add(std::string_view text, std::string_view raw) {
        const auto* first = document_.data();
        const bool known = raw.data() && raw.data() >= first && raw.data() + raw.size() <= first + document_.size();
        const auto offset = known ? static_cast<std::size_t>(raw.data() - first) : last_place_;
        const places of{text, known ? raw : std::string_view{}, offset};
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool blank = code_ == 0 && is_space(text[i]);
            if (blank && (block_.empty() || is_space(block_.back()))) continue;
            block_ += blank ? ' ' : text[i];
            begins_.push_back(of.begins[i]);
            ends_.push_back(of.ends[i]);
        }
        last_place_ = known ? offset + raw.size() : last_place_;
    }

    void open_section(std::size_t level) {
        const std::string title = cut(std::string{trim(block_)}, longest_heading);
        if (level == 0) {
            page_ = title;
            clear();
        } else
            path_.open(level, title);
        const auto headings = path_.text();
        const bool repeats = page_.empty() || headings.starts_with(page_);
        detail::open_section(units_, repeats ? headings : headings.empty() ? page_ : page_ + " > " + headings);
        close_block();
    }

    void close_block() {
        if (const auto text = trim(block_); !text.empty() && !title_) {
            auto& own = *units_.own;
            if (!own.empty()) {  // a blank line between blocks
                own += "\n\n";
                const auto last = units_.ends.back();
                units_.begins.insert(units_.begins.end(), 2, last);
                units_.ends.insert(units_.ends.end(), 2, last);
            }
            const auto begin = own.size();
            const auto skipped = text.data() - block_.data(), size = static_cast<std::ptrdiff_t>(text.size());
            own += text;
            units_.begins.insert(units_.begins.end(), begins_.begin() + skipped, begins_.begin() + skipped + size);
            units_.ends.insert(units_.ends.end(), ends_.begin() + skipped, ends_.begin() + skipped + size);
            const std::size_t section = units_.headings.size() - 1;
            if (code_ > 0)
                units_.all.push_back({begin, own.size(), section, true});
            else
                add_sentences(own, begin, own.size(), section, units_.all);
        }
        if (!title_) clear();
    }

    void clear() {
        block_.clear();
        begins_.clear();
        ends_.clear();
    }

    std::string_view document_;
    units units_;
    heading_path path_;
    std::string page_, block_;
    std::vector<std::uint32_t> begins_, ends_;  // of the block's bytes
    std::size_t last_place_ = 0;
    int code_ = 0;
    bool title_ = false;
};

}  // namespace

units units_of_html(std::string_view document) {
    if (document.size() > most_bytes)
        throw retrieve_error{retrieve_errc::too_large,
                             "HTML of more than " + std::to_string(most_bytes >> 20) + " MiB is not read"};
    arena memory{document.size()};
    const auto* parsed = parse(memory, document);
    if (!parsed)
        throw retrieve_error{retrieve_errc::too_large,
                             "its HTML takes more memory or time than a document of its size may"};
    return html_reader{document}.read(parsed->document);
}

}  // namespace reagent::detail
