"""Lets the official clients judge what Reagent makes of odd servers.

odd_judges.py ODD_EXCHANGES FIRST COUNT: serves on loopback what the program draws, and compares what the client and Reagent read. Exits
with 1 where that is two answers, or where Reagent refuses what the client reads, without a reason that is listed here.
"""
import base64
import collections
import http.server
import json
import logging
import re
import socketserver
import subprocess
import sys
import threading
import warnings

from clients import CLIENTS, versions

# What Reagent refuses and a client may read, by Reagent's words; the test that stands beside it in docs/models.md.
REFUSED = {
    r"stream broke off|response is empty|ended with \[DONE\]": "a_stream_without_its_end_is_no_answer",
    r"pieces are missing, or came in another order": "events_that_are_missing_or_out_of_order_are_no_answer",
    r"without a type": "a_piece_without_a_type_is_an_error",
    r"that (is|are) no (text|object|list)|text that is none|did not begin": "pieces_that_do_not_fit_are_an_error",
    r"has no `\w+`": "pieces_that_do_not_fit_are_an_error",
    r"the provider failed": "an_error_in_a_choice_or_a_body_is_an_error",
    r"^not taken: .*\"finish\":\"other\"": "reasons_of_other_servers_are_known",
    r"a further completion that has no end|numbers a completion": "choices_out_of_order_are_told_apart_by_their_index",
}

# By the kind of change, whatever a client takes.
REFUSED_KINDS = {
    r"twice:": "a_member_that_stands_twice_in_an_object_of_arguments_is_seen",
    r"elsewhere:|astray": "a_call_without_arguments_beside_what_could_be_them_never_acts",
    r"\bagain\b|same_choice": "a_stream_that_begins_again_is_no_answer",
}

# Where both answer and the client is wrong: protocols, the kind of change, and why.
MISREAD = [
    ("openai", r"rename[02]", "the name that comes with every piece is strung together"),
    ("openai", r":object", "a chunk that does not call itself chat.completion.chunk is left out"),
    ("openai gemini", r"another_choice", "the first in a list is taken for the answer, whatever its number"),
    ("openai-responses", r":type", "a text whose part has no type is left out"),
    ("anthropic", r"repeat", "a block that begins twice is two"),
    ("anthropic ollama cohere", r"goes_on", "what comes behind the end is read on"),
    ("openai anthropic cohere", r"retype:index", "a piece with an odd number goes elsewhere (true is 1) or nowhere"),
    ("openai openai-responses anthropic gemini ollama cohere", r"twice:", "the last of two members of one name counts"),
    ("openai openai-responses anthropic gemini ollama cohere", r"elsewhere:|astray", "arguments in another place are dropped"),
    ("openai openai-responses anthropic gemini ollama cohere", r"\bagain\b|same_choice", "what begins again is strung together"),
    ("cohere", r"names_only|one_newline", "an event whose data has no type of its own is left out, and so are several in one"),
]


class Server:
    """Sends one body again and again, in one piece, so that the clients wait for nothing."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                handler.rfile.read(int(handler.headers["content-length"]))
                head = f"HTTP/1.1 200 OK\r\ncontent-type: {self.kind}\r\ncontent-length: {len(self.body)}\r\n\r\n"
                handler.wfile.write(head.encode() + self.body)

            def log_message(self, *_):
                pass

        self.body, self.kind = b"", ""
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that closes its connection is no news
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_address[1]}"

    def send(self, exchange):
        self.body = base64.b64decode(exchange["body"])
        lines = "application/x-ndjson" if exchange["protocol"] == "ollama" else "text/event-stream"
        self.kind = lines if exchange["streamed"] else "application/json"


def read(client, exchange):
    try:
        return client.read(exchange["asks_stream"])
    except Exception as e:
        return {"error": f"{type(e).__name__}: {e}"}


def parsed(said):
    """Arguments come as they were written."""
    if "calls" in said:
        said["calls"] = [[name, json.loads(arguments or "{}")] for name, arguments in said["calls"]]
    return said


def joined(s):
    """Halves of a character are one, as everything does that writes the text."""
    return s.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def canonical(said):
    return joined(json.dumps([said["text"], said["calls"]], sort_keys=True, ensure_ascii=False))


def judge(exchange, theirs):
    """What came of it; and what is wrong, where nothing listed explains it."""
    ours, meant = exchange["reagent"], exchange["meant"]
    right = lambda said: "error" not in said and canonical(said) == canonical(meant)
    if "error" in ours:
        if "error" in theirs:
            return "both refuse", ""
        came = "Reagent refuses what the client reads " + ("rightly" if right(theirs) else "wrongly")
        known = [why for words, why in REFUSED.items() if re.search(words, ours["error"])]
        known += [why for kind, why in REFUSED_KINDS.items() if re.search(kind, exchange["kind"])]
        return came, "" if known and not exchange["readable"] else came
    if not right(ours):
        return "Reagent is wrong", "Reagent is wrong"
    if "error" in theirs:
        return "the client refuses what Reagent reads rightly", ""
    if right(theirs):
        return "both are right", ""
    came = "the client is wrong where Reagent is right"
    known = [why for protocols, kind, why in MISREAD
             if exchange["protocol"] in protocols.split() and re.search(kind, exchange["kind"])]
    return came, "" if known else came


class Tally:
    def __init__(self):
        self.outcomes = collections.defaultdict(collections.Counter)
        self.kinds = collections.defaultdict(collections.Counter)
        self.findings = 0

    def add(self, exchange, theirs):
        came, wrong = judge(exchange, theirs)
        self.outcomes[exchange["protocol"]][came] += 1
        for kind in {k.split(":")[0] for k in exchange["kind"].split()}:
            self.kinds[kind][came] += 1
        if wrong:
            self.findings += 1
            print(f"FINDING {exchange['number']} {exchange['protocol']} {exchange['kind']}: {wrong}")
            for who, said in [("meant", exchange["meant"]), ("client", theirs), ("reagent", exchange["reagent"])]:
                print(f"  {who:8}", json.dumps(said))

    def print(self):
        for title, table in [("protocol", self.outcomes), ("kind", self.kinds)]:
            for name, counts in sorted(table.items()):
                outcomes = ", ".join(f"{came} {n}" for came, n in counts.most_common())
                print(f"{title} {name}: {sum(counts.values())}; {outcomes}")

    def judged(self):
        """A client that refuses everything judges nothing."""
        few = sum(sum(counts.values()) for counts in self.outcomes.values()) < 1000
        most = all(counts["both are right"] * 2 > sum(counts.values()) for counts in self.outcomes.values())
        return few or (set(self.outcomes) == set(CLIENTS) and most)


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    print(versions())
    server = Server()
    clients = {name: make(server.address) for name, make in CLIENTS.items()}
    tally = Tally()
    with subprocess.Popen(sys.argv[1:4], stdout=subprocess.PIPE, text=True, encoding="utf-8") as drawn:
        for line in drawn.stdout:
            exchange = json.loads(line)
            exchange["meant"], exchange["reagent"] = parsed(exchange["meant"]), parsed(exchange["reagent"])
            server.send(exchange)
            tally.add(exchange, read(clients[exchange["protocol"]], exchange))
    tally.print()
    print(f"{tally.findings} findings")
    return 0 if drawn.returncode == 0 and not tally.findings and tally.judged() else 1


if __name__ == "__main__":
    sys.exit(main())
