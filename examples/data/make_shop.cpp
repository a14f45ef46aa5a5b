// Writes the demo's shop database: customers, products, inventory and orders, about 2,000 rows, the same for a seed on
// every machine (std::mt19937 is specified to the bit; the standard's distributions are not, so none is used).
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

class writer {
public:
    explicit writer(const std::string& file) {
        if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) throw std::runtime_error{"cannot write " + file};
    }
    ~writer() { sqlite3_close(db_); }

    void operator()(const std::string& sql) {
        char* message = nullptr;
        if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK) {
            std::string text = message ? message : "unknown error";
            sqlite3_free(message);
            throw std::runtime_error{text};
        }
    }

private:
    sqlite3* db_ = nullptr;
};

struct product {
    const char *name, *category;
    double price;
};
constexpr product products[]{
    {"Copper Kettle", "kettles", 1290},
    {"Travel Kettle", "kettles", 449},
    {"Enamel Kettle", "kettles", 590},
    {"Glass Kettle", "kettles", 690},
    {"Cast Iron Pan", "pans", 890},
    {"Steel Pan", "pans", 649},
    {"Crepe Pan", "pans", 399},
    {"Wok", "pans", 749},
    {"Chef Knife", "knives", 1190},
    {"Bread Knife", "knives", 690},
    {"Paring Knife", "knives", 349},
    {"Fish Knife", "knives", 549},
    {"Moka Pot", "coffee", 479},
    {"Coffee Grinder", "coffee", 990},
    {"Harbour Roast", "coffee", 139},
    {"Milk Jug", "coffee", 229},
    {"Polar Night Tea", "tea", 99},
    {"Midsummer Tea", "tea", 119},
    {"Teapot", "tea", 429},
    {"Tea Strainer", "tea", 89},
    {"Mixing Bowl", "baking", 259},
    {"Rolling Pin", "baking", 189},
    {"Bread Tin", "baking", 229},
    {"Kitchen Scale", "baking", 379},
};
struct city {
    const char *name, *country;
};
constexpr city cities[]{{"Oslo", "Norway"},      {"Bergen", "Norway"},      {"Trondheim", "Norway"},
                        {"Stavanger", "Norway"}, {"Stockholm", "Sweden"},   {"Gothenburg", "Sweden"},
                        {"Uppsala", "Sweden"},   {"Copenhagen", "Denmark"}, {"Aarhus", "Denmark"},
                        {"Helsinki", "Finland"}, {"Tampere", "Finland"},    {"Reykjavik", "Iceland"},
                        {"Hamburg", "Germany"},  {"Berlin", "Germany"}};
constexpr const char* first_names[]{"Anna",   "Bjorn", "Clara", "David", "Elin", "Fredrik", "Greta",
                                    "Henrik", "Ida",   "Johan", "Karin", "Lars", "Maja",    "Nils",
                                    "Oda",    "Petra", "Rune",  "Sara",  "Tore", "Vera"};
constexpr const char* last_names[]{"Andersen", "Berg",    "Dahl",      "Eriksen", "Falk",   "Gran",
                                   "Holm",     "Iversen", "Jensen",    "Koski",   "Lund",   "Moen",
                                   "Nygaard",  "Olsen",   "Penttinen", "Ryen",    "Strand", "Thorsen"};
constexpr const char* statuses[]{"delivered", "delivered", "delivered", "delivered", "shipped",
                                 "shipped",   "pending",   "cancelled", "returned"};
constexpr const char* warehouses[]{"Nord", "Syd", "Vest"};

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 2) {
        std::cerr << "usage: make_shop FILE [SEED]\nWrites the demo's shop database to FILE, replacing it.\n";
        return 2;
    }
    std::mt19937 random{argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1998u};
    auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    auto date = [&](int from_year, int years) {
        char text[16];
        std::snprintf(text, sizeof text, "%04d-%02u-%02u",
                      from_year + static_cast<int>(below(static_cast<unsigned>(years))), 1 + below(12), 1 + below(28));
        return std::string{text};
    };
    std::string temporary = std::string{argv[1]} + ".new";
    std::filesystem::remove(temporary);
    {
        writer sql{temporary};
        sql("BEGIN");
        sql("CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT "
            "NULL, segment TEXT "
            "NOT NULL, joined TEXT NOT NULL)");
        sql("CREATE TABLE products(id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price REAL NOT "
            "NULL)");
        sql("CREATE TABLE inventory(id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL REFERENCES products(id), "
            "warehouse TEXT NOT NULL, "
            "stock INTEGER NOT NULL)");
        sql("CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), "
            "product_id INTEGER NOT "
            "NULL REFERENCES products(id), quantity INTEGER NOT NULL, total REAL NOT NULL, status TEXT NOT NULL, "
            "ordered_on TEXT NOT "
            "NULL)");
        constexpr unsigned customer_count = 240, order_count = 1660;
        for (unsigned i = 0; i < customer_count; ++i) {
            // 20 first and 18 last names, walked so that no pair comes twice.
            std::string name = std::string{first_names[i % 20]} + " " + last_names[(i / 20 + i * 7) % 18];
            const auto& c = cities[below(3) == 0 ? below(2) : below(14)];
            sql("INSERT INTO customers VALUES(" + std::to_string(i + 1) + ", '" + name + "', '" + c.name + "', '" +
                c.country + "', '" + (below(5) == 0 ? "business" : "consumer") + "', '" + date(2019, 6) + "')");
        }
        int id = 0;
        for (const auto& p : products)
            sql("INSERT INTO products VALUES(" + std::to_string(++id) + ", '" + p.name + "', '" + p.category + "', " +
                std::to_string(p.price) + ")");
        int row = 0;
        for (int p = 1; p <= id; ++p)
            for (const char* w : warehouses)
                sql("INSERT INTO inventory VALUES(" + std::to_string(++row) + ", " + std::to_string(p) + ", '" + w +
                    "', " + std::to_string(below(8) == 0 ? 0 : below(180)) + ")");
        for (unsigned i = 0; i < order_count; ++i) {
            unsigned p = below(24), quantity = 1 + below(below(4) == 0 ? 6 : 2);
            // One customer in ten has ordered nothing yet.
            unsigned customer = below(customer_count - customer_count / 10);
            double total = products[p].price * quantity;
            sql("INSERT INTO orders VALUES(" + std::to_string(i + 1) + ", " + std::to_string(customer + 1) + ", " +
                std::to_string(p + 1) + ", " + std::to_string(quantity) + ", " + std::to_string(total) + ", '" +
                statuses[below(9)] + "', '" + date(2023, 3) + "')");
        }
        sql("COMMIT");
    }
    std::filesystem::rename(temporary, argv[1]);
    return 0;
} catch (const std::exception& e) {
    std::cerr << "make_shop: " << e.what() << "\n";
    return 1;
}
