#pragma once

#include <reagent/lm/embedder.hpp>
#include <reagent/optimize/optimizer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent {

/// What a setting given as text may be.
struct setting_range {
    double from = 0, to = 100'000;
};

namespace detail {

/// @throws std::invalid_argument that says what may stand there
void read_setting(std::string_view name, const std::string& text, std::size_t& into, const setting_range& range);
void read_setting(std::string_view name, const std::string& text, double& into, const setting_range& range);
void read_setting(std::string_view name, const std::string& text, bool& into, const setting_range& range);
template <class T>
void read_setting(std::string_view name, const std::string& text, std::optional<T>& into, const setting_range& range) {
    T value{};
    read_setting(name, text, value, range);
    into = value;
}

std::string shown_setting(std::size_t value);
std::string shown_setting(double value);
std::string shown_setting(bool value);
template <class T>
std::string shown_setting(const std::optional<T>& value) {
    return value ? shown_setting(*value) : std::string{};
}

}  // namespace detail

/// The options of an optimizer, as a command line or a file gives them: names, meanings, defaults, and how each is
/// read. Stated once, for parsing and for help.
template <class Options>
class settings {
public:
    struct setting {
        std::string name, help;
        std::function<void(Options&, const std::string&)> read;  ///< @throws std::invalid_argument
        std::string by_default;                                  ///< as it would be given; "": none
    };

    /// A whole number, a number, or true and false; of an optional, none unless it is given.
    template <class T, class Base>
    settings& add(std::string name, T Base::*field, std::string help, setting_range range = {}) {
        auto read = [name, field, range](Options& o, const std::string& text) {
            detail::read_setting(name, text, o.*field, range);
        };
        return add(std::move(name), std::move(read), std::move(help), detail::shown_setting(Options{}.*field));
    }
    /// Anything else.
    settings& add(std::string name, std::function<void(Options&, const std::string&)> read, std::string help,
                  std::string by_default = {}) {
        all_.push_back({std::move(name), std::move(help), std::move(read), std::move(by_default)});
        return *this;
    }

    const std::vector<setting>& all() const { return all_; }

private:
    std::vector<setting> all_;
};

/// Optimizers by name, each with its settings: those of this library, and your own. A value.
///
///     struct hill_climb_options { std::size_t tries = 20; };
///     class hill_climb : public rg::optimizer { public: explicit hill_climb(hill_climb_options how); ... };
///
///     auto all = rg::optimizers::ready();
///     all.add<hill_climb>("hill_climb", rg::settings<hill_climb_options>{}.add("tries", &hill_climb_options::tries,
///     "changes that are tried")); auto chosen = all.make("hill_climb", {{"tries", "50"}});
///
/// `cli_program::optimizers` makes them known to `compile` of a program of your own.
class optimizers {
public:
    /// What this library brings. @param how of the embedders that a setting names
    static optimizers ready(embedder_options how = {});

    /// @throws std::invalid_argument for a name that is there already, or that is no name
    template <class Optimizer, class Options>
    void add(std::string name, const settings<Options>& s) {
        entry e;
        for (const auto& one : s.all()) e.settings.push_back({one.name, one.help, one.by_default});
        e.make = [s](const given_settings& given) -> std::unique_ptr<optimizer> {
            Options options;
            for (const auto& one : s.all())
                if (auto found = given.find(one.name); found != given.end()) one.read(options, found->second);
            return std::make_unique<Optimizer>(std::move(options));
        };
        add_entry(std::move(name), std::move(e));
    }

    using given_settings = std::map<std::string, std::string>;  ///< values by name

    /// @throws std::invalid_argument for a name, a setting or a value that is not known; it says which are, and the
    /// nearest
    std::unique_ptr<optimizer> make(std::string_view name, const given_settings& given = {}) const;

    std::vector<std::string> names() const;  ///< in the order in which they were added

    struct described_setting {
        std::string name, help, by_default;
    };
    /// @throws std::invalid_argument for a name that is not known
    const std::vector<described_setting>& settings_of(std::string_view name) const;
    /// A name and, below it, a line for each setting: name, default and meaning.
    std::string help() const;

private:
    struct entry {
        std::string name{};
        std::vector<described_setting> settings{};
        std::function<std::unique_ptr<optimizer>(const given_settings&)> make{};
    };
    void add_entry(std::string name, entry e);
    const entry& find(std::string_view name) const;

    std::vector<entry> all_;
};

}  // namespace reagent
