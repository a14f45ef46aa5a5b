// Three predictors in one program, with the tool's commands from one line in `main`: measure it, compile it, run it
// from the saved file.
//
//     10_customer_care eval --data dev.jsonl --metric exact_match:intent --lm openai/gpt-4o-mini
//     10_customer_care compile --optimizer mipro --train train.jsonl --val dev.jsonl --metric exact_match:intent
//     --state work --out care.json 10_customer_care run --program care.json message="Where is my parcel? Order 99102."
#include <reagent/cli_main.hpp>
#include <reagent/reagent.hpp>

using namespace reagent::literals;
namespace rg = reagent;

enum class intent { track_order, refund, cancel_order, change_address, payment, account, complaint, product_question };

struct classify {
    static constexpr auto instructions = "Name what the customer needs most.";
    struct input {
        std::string message;
    };
    struct output {
        ::intent intent;
    };
};

struct extract {
    static constexpr auto instructions = "Take out what the customer mentions; write none for what is not mentioned.";
    struct input {
        std::string message;
        ::intent intent;
    };
    struct output {
        rg::field<std::string, "digits only, or none"> order_id;
        rg::field<std::string, "the article, or none"> product;
    };
};

struct respond {
    static constexpr auto instructions =
        "Answer the customer in at most three friendly sentences. Promise nothing that you do not know.";
    struct input {
        std::string message;
        ::intent intent;
        std::string order_id;
    };
    struct output {
        std::string reply;
    };
};

struct customer_care : rg::module {
    struct input {
        std::string message;
    };
    struct output {
        ::intent intent;
        std::string order_id, product, reply;
    };
    rg::predict<::classify> classify{*this, "classify"};
    rg::predict<::extract> extract{*this, "extract"};
    rg::predict<::respond> respond{*this, "respond"};

    rg::task<output> forward(rg::run& run, input in) const {
        auto kind = co_await classify(run, "message"_f = in.message);
        auto facts = co_await extract(run, "message"_f = in.message, "intent"_f = kind->intent);
        auto answer =
            co_await respond(run, "message"_f = in.message, "intent"_f = kind->intent, "order_id"_f = *facts->order_id);
        co_return output{kind->intent, *facts->order_id, *facts->product, answer->reply};
    }
};

int main(int argc, char** argv) {
    customer_care program;
    return rg::cli_main(argc, argv, program, "Customer care: classify, extract, respond");
}
