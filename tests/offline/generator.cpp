#include "generator.hpp"

#include <cstdio>

namespace reagent::test {
namespace {

using texts = std::vector<std::string>;

struct place {
    std::string city, country, adjective;
};

const std::vector<place> places{{"Oslo", "Norway", "Norwegian"},       {"Bergen", "Norway", "Norwegian"},
                                {"Stockholm", "Sweden", "Swedish"},    {"Uppsala", "Sweden", "Swedish"},
                                {"Aarhus", "Denmark", "Danish"},       {"Helsinki", "Finland", "Finnish"},
                                {"Reykjavik", "Iceland", "Icelandic"}, {"Berlin", "Germany", "German"}};
const texts categories{"kettles", "pans", "knives", "coffee", "tea", "baking"};
const texts goods{"Copper Kettle",   "Wok",    "Chef Knife",  "Moka Pot",
                  "Polar Night Tea", "Teapot", "Rolling Pin", "Bread Tin"};
const texts states{"cancelled", "delivered", "pending", "returned", "shipped"};
const texts months{"January", "February", "March",     "April",   "May",      "June",
                   "July",    "August",   "September", "October", "November", "December"};

texts all(const texts& before, const texts& middle, const texts& after = {""}) {
    texts result;
    for (std::size_t i = 0; i < middle.size(); ++i)
        for (const auto& b : before) result.push_back(b + middle[i] + after[i % after.size()]);
    return result;
}

std::string in(const std::string& column, const std::string& select) { return column + " IN (SELECT " + select + ")"; }
bool same_column(const std::string& a, const std::string& b) {
    std::string column = a.substr(0, a.find(' '));
    return column != "id" && column == b.substr(0, b.find(' '));
}

std::string both(const std::string& a, const std::string& b) { return "(" + a + ") AND (" + b + ")"; }

}  // namespace

question_generator::part question_generator::period(const std::string& column) {
    std::string y = number(2023, 2025);
    auto within = [&](const std::string& from, const std::string& to) {
        return column + " >= '" + from + "' AND " + column + " < '" + to + "~'";
    };
    switch (below(6)) {
        case 0: return {{"in " + y, "during " + y, "in the year " + y}, within(y + "-01", y + "-12")};
        case 1: {
            std::size_t m = below(12);
            char text[16];
            std::snprintf(text, sizeof text, "%s-%02zu", y.c_str(), m + 1);
            return {{"in " + months[m] + " " + y, "during " + months[m] + " of " + y}, within(text, text)};
        }
        case 2: {
            texts first{"01", "04", "07", "10"}, last{"03", "06", "09", "12"},
                names{"first", "second", "third", "fourth"};
            std::size_t q = below(4);
            return {{"in the " + names[q] + " quarter of " + y, "in Q" + std::to_string(q + 1) + " " + y},
                    within(y + "-" + first[q], y + "-" + last[q])};
        }
        case 3: return {{"since " + y, "from " + y + " onwards"}, column + " >= '" + y + "'"};
        case 4: return {{"before " + y, "earlier than " + y}, column + " < '" + y + "'"};
        default: return {{"after " + y + "-06-30", "later than 30 June " + y}, column + " > '" + y + "-06-30'"};
    }
}

// Orders of some customers, by what the goods are or by when.
question_generator::part question_generator::bought() {
    if (below(2)) {
        auto c = one(categories);
        return {{c, "any " + c, "something from the category " + c},
                in("product_id", "id FROM products WHERE category = '" + c + "'")};
    }
    auto g = one(goods);
    return {{"the " + g, "a " + g}, in("product_id", "id FROM products WHERE name = '" + g + "'")};
}

question_generator::part question_generator::customers() {
    const auto& p = one(places);
    std::string n = number(2, 12);
    switch (below(9)) {
        case 0:
            return {{"from " + p.city, "in " + p.city, "who live in " + p.city, "living in " + p.city},
                    "city = '" + p.city + "'"};
        case 1:
            return {{"from " + p.country, "who come from " + p.country, "based in " + p.country},
                    "country = '" + p.country + "'"};
        case 2:
            return {{"who have never ordered", "without any orders", "who never placed an order",
                     "that have not ordered anything"},
                    "id NOT IN (SELECT customer_id FROM orders)"};
        case 3:
            return {{"with more than " + n + " orders", "who placed more than " + n + " orders",
                     "who have over " + n + " orders"},
                    in("id", "customer_id FROM orders GROUP BY 1 HAVING count(*) > " + n)};
        case 4: {
            auto b = bought();
            return {all({"who bought ", "who have ordered ", "that purchased "}, b.words),
                    in("id", "customer_id FROM orders WHERE " + b.sql)};
        }
        case 5: {
            auto b = bought();
            return {all({"who never bought ", "who have not ordered ", "who did not buy "}, b.words),
                    "id NOT IN (SELECT customer_id FROM orders WHERE " + b.sql + ")"};
        }
        case 6: {
            auto t = period("joined");
            return {all({"who joined ", "that joined us "}, t.words), t.sql};
        }
        case 7:
            return {{"not from " + p.country, "outside " + p.country, "who do not live in " + p.country},
                    "country <> '" + p.country + "'"};
        default: {
            auto t = period("ordered_on");
            return {all({"who ordered ", "who placed an order ", "with orders "}, t.words),
                    in("id", "customer_id FROM orders WHERE " + t.sql)};
        }
    }
}

question_generator::part question_generator::orders() {
    const auto& p = one(places);
    std::string n = number(5, 40) + "00", s = one(states);
    switch (below(8)) {
        case 0:
            return {{"from customers in " + p.city, "from " + p.city, "by customers who live in " + p.city},
                    in("customer_id", "id FROM customers WHERE city = '" + p.city + "'")};
        case 1:
            return {{"by " + p.adjective + " customers", "from customers in " + p.country, "from " + p.country},
                    in("customer_id", "id FROM customers WHERE country = '" + p.country + "'")};
        case 2: return {{"that were " + s, "which were " + s}, "status = '" + s + "'"};
        case 3: return {{"that were not " + s, "not " + s}, "status <> '" + s + "'"};
        case 4: return {{"over " + n, "with a total above " + n, "worth more than " + n + " kroner"}, "total > " + n};
        case 5: {
            auto t = period("ordered_on");
            return {all({"", "placed "}, t.words), t.sql};
        }
        case 6: {
            auto b = bought();
            return {all({"for ", "of "}, b.words), b.sql};
        }
        default:
            return {{"from business customers", "by business customers"},
                    in("customer_id", "id FROM customers WHERE segment = 'business'")};
    }
}

question_generator::part question_generator::products() {
    std::string n = number(1, 12) + "00", c = one(categories);
    switch (below(5)) {
        case 0: return {{"in the category " + c, "in the " + c + " category"}, "category = '" + c + "'"};
        case 1:
            return {{"that cost more than " + n, "over " + n + " kroner", "with a price above " + n}, "price > " + n};
        case 2:
            return {{"costing at most " + n, "that cost " + n + " or less", "with a price of no more than " + n},
                    "price <= " + n};
        case 3:
            return {{"between " + n + " and 1200 kroner", "with a price between " + n + " and 1200"},
                    "price BETWEEN " + n + " AND 1200"};
        default: {
            const auto& p = one(places);
            return {{"never ordered by customers from " + p.city, "that were never bought by customers in " + p.city},
                    "id NOT IN (SELECT product_id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE "
                    "city = '" +
                        p.city + "'))"};
        }
    }
}

generated_question question_generator::counts() {
    texts table{"customers", "orders", "products"};
    std::size_t t = below(3);
    auto draw = [&] { return t == 0 ? customers() : t == 1 ? orders() : products(); };
    auto a = draw();
    std::string from = table[t];
    if (below(2)) {
        auto b = draw();
        while (same_column(a.sql, b.sql)) b = draw();  // "from Oslo and from Bergen" can mean either
        texts words;
        for (int i = 0; i < 3; ++i)
            words.push_back("How many " + from + " " + one(a.words) + (below(3) ? " and " : " ") + one(b.words) +
                            (below(2) ? " are there?" : " do we have?"));
        return {words, "SELECT count(*) FROM " + from + " WHERE " + both(a.sql, b.sql)};
    }
    return {all({"How many " + from + " are there ", "How many " + from + " do we have ",
                 "What is the number of " + from + " ", "Count the " + from + " "},
                a.words),
            "SELECT count(*) FROM " + from + " WHERE " + a.sql};
}

generated_question question_generator::lists() {
    if (below(2)) {
        auto a = customers(), b = customers();
        while (same_column(a.sql, b.sql)) b = customers();
        return {{"Which customers " + one(b.words) + " " + one(a.words) + "?",
                 "List the customers " + one(a.words) + " " + one(b.words),
                 "List all customers " + one(a.words) + " and " + one(b.words) + "."},
                "SELECT name FROM customers WHERE " + both(a.sql, b.sql)};
    }
    auto a = products();
    return {
        all({"Which products are ", "Show me the products ", "What are the names of the products "}, a.words, {"?"}),
        "SELECT name FROM products WHERE " + a.sql};
}

generated_question question_generator::sums() {
    auto a = orders();
    switch (below(4)) {
        case 0:
            return {all({"What is the total revenue from orders ", "How much revenue came from orders ",
                         "What is the sum of the totals of orders "},
                        a.words, {"?"}),
                    "SELECT coalesce(sum(total), 0) FROM orders WHERE " + a.sql};
        case 1:
            return {all({"What is the average total of orders ", "What is the mean order value of orders "}, a.words,
                        {"?"}),
                    "SELECT avg(total) FROM orders WHERE " + a.sql};
        case 2:
            return {
                all({"What is the median total of orders ", "What is the median order total for orders "}, a.words,
                    {"?"}),
                "WITH v AS (SELECT total, row_number() OVER (ORDER BY total) r, count(*) OVER () n FROM orders WHERE " +
                    a.sql + ") SELECT avg(total) FROM v WHERE 2 * r BETWEEN n AND n + 2"};
        default:
            return {all({"What is the highest total of orders ", "What is the largest order total of orders "}, a.words,
                        {"?"}),
                    "SELECT max(total) FROM orders WHERE " + a.sql};
    }
}

generated_question question_generator::ranks() {
    texts names{"second", "third", "fourth"};
    std::size_t k = below(3);
    auto at = [&](std::size_t n) { return " LIMIT 1 OFFSET " + std::to_string(n); };
    std::string c = one(categories), y = number(2023, 2025);
    switch (below(6)) {
        case 0:
            return {
                {"What is the " + names[k] + " most expensive product?",
                 "Which product is the " + names[k] + " most expensive?", "Name the " + names[k] + " priciest product"},
                "SELECT name, price FROM products ORDER BY price DESC" + at(k + 1)};
        case 1:
            return {{"What is the " + names[k] + " cheapest product in the category " + c + "?"},
                    "SELECT name, price FROM products WHERE category = '" + c + "' ORDER BY price" + at(k + 1)};
        case 2:
            return {{"Which customer has the most orders in " + y + "?", "Who placed the most orders in " + y + "?",
                     "Which customer placed the most orders in " + y + "?"},
                    "SELECT name, n FROM (SELECT c.name, count(*) n, rank() OVER (ORDER BY count(*) DESC) r FROM "
                    "orders JOIN customers c "
                    "ON c.id = customer_id WHERE ordered_on LIKE '" +
                        y + "%' GROUP BY c.id) WHERE r = 1"};
        case 3:
            return {{"Which city has the " + names[k] + " highest revenue?",
                     "What city has the " + names[k] + " largest revenue?"},
                    "SELECT city, sum(total) FROM orders JOIN customers c ON c.id = customer_id GROUP BY 1 ORDER BY 2 "
                    "DESC" +
                        at(k + 1)};
        case 4:
            return {{"What are the three cheapest " + c + "?", "List the 3 cheapest products in the category " + c},
                    "SELECT name, price FROM products WHERE category = '" + c + "' ORDER BY price LIMIT 3"};
        default:
            return {
                {"Which category brought in the least revenue in " + y + "?",
                 "Which category had the lowest revenue in " + y + "?"},
                "SELECT category, sum(total) FROM orders JOIN products p ON p.id = product_id WHERE ordered_on LIKE '" +
                    y + "%' GROUP BY 1 ORDER BY 2 LIMIT 1"};
    }
}

generated_question question_generator::shares() {
    std::string s = one(states);
    const auto& p = one(places);
    auto t = period("ordered_on");
    if (below(2))
        return {{"What percentage of orders " + t.words[0] + " were " + s + "?",
                 "What share of the orders placed " + t.words[0] + " was " + s + "?"},
                "SELECT 100.0 * sum(status = '" + s + "') / count(*) FROM orders WHERE " + t.sql};
    return {
        {"What percentage of customers from " + p.country + " have never ordered?",
         "What share of " + p.adjective + " customers has not placed any orders?",
         "What proportion of the customers in " + p.country + " never ordered anything?"},
        "SELECT 100.0 * sum(id NOT IN (SELECT customer_id FROM orders)) / count(*) FROM customers WHERE country = '" +
            p.country + "'"};
}

generated_question question_generator::differences() {
    const auto &p = one(places), &q = one(places);
    std::string a = one(goods), b = one(goods), s = one(states);
    switch (below(4)) {
        case 0:
            return {{"How many more customers live in " + p.city + " than in " + q.city + "?",
                     "How many more customers are there in " + p.city + " than in " + q.city + "?"},
                    "SELECT sum(city = '" + p.city + "') - sum(city = '" + q.city + "') FROM customers"};
        case 1:
            return {{"What is the difference in price between the " + a + " and the " + b + "?"},
                    "SELECT abs((SELECT price FROM products WHERE name = '" + a +
                        "') - (SELECT price FROM products WHERE name = '" + b + "'))"};
        case 2:
            return {{"How much more revenue did we make in 2025 than in 2023?",
                     "How much more revenue was made in 2025 than in 2023?"},
                    "SELECT sum(CASE WHEN ordered_on LIKE '2025%' THEN total WHEN ordered_on LIKE '2023%' THEN -total "
                    "END) FROM orders"};
        default:
            return {{"How many more orders were " + s + " in 2024 than in 2023?",
                     "How many more " + s + " orders were there in 2024 than in 2023?"},
                    "SELECT sum(ordered_on LIKE '2024%') - sum(ordered_on LIKE '2023%') FROM orders WHERE status = '" +
                        s + "'"};
    }
}

generated_question question_generator::distinct() {
    const auto& p = one(places);
    std::string c = one(categories), n = number(5, 40);
    switch (below(4)) {
        case 0:
            return {{"How many different products did customers from " + p.city + " order?",
                     "How many distinct products were bought by customers in " + p.city + "?"},
                    "SELECT count(DISTINCT product_id) FROM orders WHERE customer_id IN (SELECT id FROM customers "
                    "WHERE city = '" +
                        p.city + "')"};
        case 1:
            return {{"From how many cities do customers from " + p.country + " come?",
                     "How many different cities do " + p.adjective + " customers live in?"},
                    "SELECT count(DISTINCT city) FROM customers WHERE country = '" + p.country + "'"};
        case 2:
            return {{"How many cities have more than " + n + " customers?",
                     "In how many cities do more than " + n + " customers live?"},
                    "SELECT count(*) FROM (SELECT 1 FROM customers GROUP BY city HAVING count(*) > " + n + ")"};
        default:
            return {{"How many different customers bought " + c + " in 2024?",
                     "How many distinct customers ordered " + c + " during 2024?"},
                    "SELECT count(DISTINCT customer_id) FROM orders WHERE ordered_on LIKE '2024%' AND product_id IN "
                    "(SELECT id FROM products "
                    "WHERE category = '" +
                        c + "')"};
    }
}

generated_question question_generator::groups() {
    std::string s = one(states);
    auto t = period("ordered_on");
    switch (below(4)) {
        case 0:
            return {{"How many customers are there per country?", "What is the number of customers by country?",
                     "Number of customers for each country"},
                    "SELECT country, count(*) FROM customers GROUP BY 1"};
        case 1:
            return {{"What is the revenue per category " + t.words[0] + "?",
                     "Show the total revenue by category " + t.words[0]},
                    "SELECT category, sum(total) FROM orders JOIN products p ON p.id = product_id WHERE " + t.sql +
                        " GROUP BY 1"};
        case 2:
            return {{"What is the average price per category?", "Show me the mean price for each category"},
                    "SELECT category, avg(price) FROM products GROUP BY 1"};
        default:
            return {{"How many " + s + " orders are there per year?", "Number of " + s + " orders by year"},
                    "SELECT substr(ordered_on, 1, 4), count(*) FROM orders WHERE status = '" + s + "' GROUP BY 1"};
    }
}

generated_question question_generator::joined() {
    const auto &p = one(places), &q = one(places);
    auto b = bought(), t = period("ordered_on");
    std::string y = number(2019, 2024), n = number(2, 6);
    switch (below(5)) {
        case 0:
            return {{"How many customers in " + p.city + " or " + q.city + " bought " + b.words[0] + "?",
                     "How many customers from " + p.city + " or " + q.city + " have ordered " + b.words[0] + "?"},
                    "SELECT count(*) FROM customers WHERE city IN ('" + p.city + "', '" + q.city +
                        "') AND id IN (SELECT customer_id FROM orders WHERE " + b.sql + ")"};
        case 1:
            return {{"How many customers joined in " + y + " and have never ordered?",
                     "How many customers who joined in " + y + " never placed an order?"},
                    "SELECT count(*) FROM customers WHERE joined LIKE '" + y +
                        "%' AND id NOT IN (SELECT customer_id FROM orders)"};
        case 2:
            return {{"How much did " + p.adjective + " customers spend on " + b.words[0] + " " + t.words[0] + "?"},
                    "SELECT coalesce(sum(total), 0) FROM orders WHERE " + both(b.sql, t.sql) +
                        " AND customer_id IN (SELECT id FROM customers WHERE country = '" + p.country + "')"};
        case 3:
            return {{"How many customers have ordered " + b.words[0] + " at least " + n + " times?",
                     "How many customers bought " + b.words[0] + " at least " + n + " times?"},
                    "SELECT count(*) FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE " + b.sql +
                        " GROUP BY 1 HAVING count(*) >= " + n + ")"};
        default:
            return {{"How many " + p.adjective + " customers have at least " + n + " cancelled orders?",
                     "How many customers from " + p.country + " cancelled at least " + n + " orders?"},
                    "SELECT count(*) FROM customers WHERE country = '" + p.country +
                        "' AND id IN (SELECT customer_id FROM orders WHERE status = 'cancelled' GROUP BY 1 HAVING "
                        "count(*) >= " +
                        n + ")"};
    }
}

generated_question question_generator::details() {
    std::string g = one(goods), id = number(1, 1600);
    texts warehouses{"Nord", "Syd", "Vest"};
    std::string w = one(warehouses);
    switch (below(5)) {
        case 0:
            return {
                {"What does the " + g + " cost?", "How much is the " + g + "?", "What is the price of the " + g + "?"},
                "SELECT price FROM products WHERE name = '" + g + "'"};
        case 1:
            return {{"What is the status of order " + id + "?", "What is the status of order number " + id + "?"},
                    "SELECT status FROM orders WHERE id = " + id};
        case 2:
            return {{"How many units of the " + g + " are in stock in the warehouse " + w + "?",
                     "How many pieces of the " + g + " do we have in stock in " + w + "?"},
                    "SELECT sum(stock) FROM inventory WHERE warehouse = '" + w +
                        "' AND product_id = (SELECT id FROM products WHERE name = '" + g + "')"};
        case 3:
            return {{"Which category is the " + g + " in?", "Which category does the " + g + " belong to?"},
                    "SELECT category FROM products WHERE name = '" + g + "'"};
        default:
            return {{"How many units of the " + g + " were sold in 2024?",
                     "How many pieces of the " + g + " did we sell in 2024?"},
                    "SELECT sum(quantity) FROM orders WHERE ordered_on LIKE '2024%' AND product_id = (SELECT id FROM "
                    "products WHERE name = '" +
                        g + "')"};
    }
}

generated_question question_generator::odd() {
    texts unknown{"phone number", "margin", "discount", "weight", "supplier", "birthday", "rating", "shipping address"};
    texts where{"Narvik", "Paris", "Tromso", "Lapland", "the north", "the EU"};
    std::string u = one(unknown), w = one(where), g = one(goods), c = one(categories);
    const auto& p = one(places);
    switch (below(8)) {
        case 0:
            return {{"What is the " + u + " of the " + g + "?", "Which product has the highest " + u + "?",
                     "What is the average " + u + " of orders?"},
                    ""};
        case 1:
            return {{"How many customers live in " + w + "?", "What is the revenue from " + w + "?",
                     "How many orders came from " + w + "?"},
                    ""};
        case 2:
            return {{"What will the revenue be next year?", "Predict the number of orders for " + p.city + ".",
                     "How has the revenue developed?", "Why did revenue fall in 2025?"},
                    ""};
        case 3:
            return {{"What is the variance of prices?", "What is the 90th percentile of order totals?",
                     "What is the correlation between price and quantity?", "What is the most common price ending?"},
                    ""};
        case 4:
            return {{"Which " + c + " do you recommend?", "Is the " + g + " any good?", "Who is our nicest customer?",
                     "What is the most beautiful product?"},
                    ""};
        case 5:
            return {{"How many customers reordered within 30 days?", "How many orders were late?",
                     "What is the average time between two orders?", "How many customers came back?"},
                    ""};
        case 6:
            return {{"Delete all orders from " + p.city, "Set the price of the " + g + " to 1",
                     "Add a customer in " + p.city, "Cancel order 17"},
                    ""};
        default:
            return {{"How many customers in " + p.city + " are left-handed?",
                     "How many customers in " + p.city + " are women?",
                     "How many customers from " + p.country + " are older than 40?"},
                    ""};
    }
}

generated_question question_generator::spoiled() {
    texts modifiers{"on Mondays",
                    "last week",
                    "yesterday",
                    "per capita",
                    "excluding VAT",
                    "in the morning",
                    "by credit card",
                    "for the first time",
                    "via the website",
                    "on average per week",
                    "within the last 30 days",
                    "in a single day",
                    "twice in a row",
                    "except in summer",
                    "at a discount",
                    "as a gift",
                    "in every month",
                    "online"};
    texts adjectives{"loyal ",  "first-time ", "urgent ", "unpaid ",  "young ",   "overdue ",
                     "repeat ", "small ",      "big ",    "average ", "inactive "};
    std::string m = one(modifiers), a = one(adjectives);
    auto c = customers();
    auto o = orders();
    switch (below(4)) {
        case 0:
            return {{"How many customers " + c.words[0] + " ordered " + m + "?",
                     "How many customers " + c.words[0] + " placed orders " + m + "?"},
                    ""};
        case 1:
            return {{"How many orders " + o.words[0] + " were placed " + m + "?",
                     "What is the total revenue of orders " + o.words[0] + " " + m + "?"},
                    ""};
        case 2:
            return {{"How many " + a + "customers " + c.words[0] + " are there?",
                     "Which " + a + "customers " + c.words[0] + " have more than 3 orders?"},
                    ""};
        default:
            return {{"What is the average total of " + a + "orders " + o.words[0] + "?",
                     "How many " + a + "orders " + o.words[0] + " are there?"},
                    ""};
    }
}

generated_question question_generator::next() {
    if (below(3) == 0) return below(2) ? odd() : spoiled();
    switch (below(14)) {
        case 0:
        case 1:
        case 2: return counts();
        case 3: return lists();
        case 4:
        case 5: return sums();
        case 6: return ranks();
        case 7: return shares();
        case 8: return differences();
        case 9: return distinct();
        case 10: return groups();
        case 11:
        case 12: return joined();
        default: return details();
    }
}

}  // namespace reagent::test
