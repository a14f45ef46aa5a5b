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
        case GUMBO_TAG_NOSCRIPT:
        case GUMBO_TAG_SVG:
        case GUMBO_TAG_IFRAME:
        case GUMBO_TAG_OBJECT:
        case GUMBO_TAG_SELECT:
        case GUMBO_TAG_TEXTAREA: return role::skipped;
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

// Walks the tree without recursion: documents are as deep as they like.
class html_reader {
public:
    explicit html_reader(std::string_view d) : document_{d} { units_.has_own_text = true; }

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
        switch (role_of(n->v.element.tag)) {
            case role::skipped: return false;
            case role::inline_text: return true;
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
        switch (role_of(n->v.element.tag)) {
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
        const std::string_view text = t.text ? std::string_view{t.text} : std::string_view{};
        const auto* data = t.original_text.data;
        if (data >= document_.data() && data <= document_.data() + document_.size() && !trim(text).empty()) {
            const auto begin = static_cast<std::size_t>(data - document_.data());
            if (trim(block_).empty()) begin_ = begin;
            end_ = std::min(document_.size(), begin + t.original_text.length);
        }
        if (code_ > 0) {
            block_ += text;
            return;
        }
        for (char c : text)
            if (!is_space(c))
                block_ += c;
            else if (!block_.empty() && !is_space(block_.back()))
                block_ += ' ';
    }

    void open_section(std::size_t level) {
        const std::string title = cut(std::string{trim(block_)}, longest_heading);
        if (level == 0) {
            page_ = title;
            block_.clear();
        } else
            path_.open(level, title);
        const auto headings = path_.text();
        const bool repeats = page_.empty() || headings.starts_with(page_);
        detail::open_section(units_, repeats ? headings : headings.empty() ? page_ : page_ + " > " + headings);
        close_block();
    }

    void close_block() {
        if (const auto text = trim(block_); !text.empty() && !title_) {
            const std::size_t section = units_.headings.size() - 1;
            if (code_ > 0)
                units_.all.push_back({begin_, end_, section, true, true, std::string{text}});
            else {
                std::vector<unit> sentences;
                add_sentences(text, 0, text.size(), section, sentences);
                for (auto& s : sentences) {
                    s.text = trim(text.substr(s.begin, s.end - s.begin));
                    s.begin = begin_;  // entities and tags stand between, so that a sentence is known by its block
                    s.end = end_;
                    units_.all.push_back(std::move(s));
                }
            }
        }
        if (!title_) block_.clear();
    }

    std::string_view document_;
    units units_;
    heading_path path_;
    std::string page_, block_;
    std::size_t begin_ = 0, end_ = 0;
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
