// The shapes of a user's program in one file: it compiles without a word at -Wall -Wextra -O3, as users have it.
#include <reagent/reagent.hpp>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

using namespace reagent::literals;
namespace rg = reagent;

namespace {

enum class urgency { low, high };

struct item {
    std::string name;
    std::optional<int> count;
    std::map<std::string, std::vector<double>> prices;
    std::variant<int, std::string> code;
    urgency level;
};

struct triage {
    struct input {
        std::string message;
        std::vector<std::string> notes;
        std::optional<item> known;
    };
    struct output {
        rg::field<std::string, "one word"> kind;
        std::vector<item> items;
        std::optional<std::map<std::string, std::optional<int>>> counts;
        urgency level;
    };
};

std::string describe(const item& what, const std::string& extra) { return "item " + what.name + " " + extra; }
std::vector<item> find(const std::string& text, std::optional<int> most) {
    return std::vector<item>(most.value_or(1), item{text, {}, {}, 1, urgency::low});
}

struct care : rg::module {
    struct input {
        std::string message;
    };
    struct output {
        std::string reply;
        urgency level;
    };
    rg::predict<triage> kind{*this, "kind"};
    rg::chain_of_thought<rg::sig<"message, kind -> reply: list[str], note: Optional[str]">> reply{*this, "reply"};

    rg::task<output> forward(rg::run& run, input in) const {
        std::vector<std::string> notes{"a note of " + in.message};
        auto k = co_await kind(run, "message"_f = in.message, "notes"_f = notes, "known"_f = std::optional<item>{});
        auto r = co_await reply(run, "message"_f = in.message, "kind"_f = std::string{k->kind});
        co_return output{"re: " + in.message, k->level};
    }
};

}  // namespace

int quiet() {
    rg::tools tools;
    tools.add("describe", "Describes.", describe, {"what", "extra"});
    tools.add("find", "Finds.", find, {"text", "most"});
    rg::react<triage> agent{tools};
    rg::runtime runtime;
    auto answer = runtime.run(rg::language_model{"offline/demo"}, care{}, care::input{"Where is my parcel?"});
    return static_cast<int>(answer.reply.size());
}
