"""Serves recorded streams on loopback and compares what the official clients and Reagent make of them.

compare.py READ_STREAM: prints one line per stream, and exits with 1 when one differs.
"""
import http.server
import json
import subprocess
import sys
import threading

import anthropic
import ollama
import openai

TEXT = ["Gr", "üß", "e \\\" ", "\n\n", "✓ 😀", " {\"a\": 1}", " ", "data: x", "\r\n"]


def sse(events, named=False, end="\n"):
    out = ""
    for e in events:
        if named:
            out += "event: " + e["type"] + end
        out += "data: " + (e if isinstance(e, str) else json.dumps(e, ensure_ascii=False)) + end + end
    return out


def openai_chunk(delta, finish=None, usage=None, choices=True):
    c = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    if choices:
        c["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    if usage:
        c["usage"] = usage
    return c


def openai_text():
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return [openai_chunk({"role": "assistant", "content": ""})] + [openai_chunk({"content": t}) for t in TEXT] + [
        openai_chunk({}, "stop"), openai_chunk({}, usage=usage, choices=False), "[DONE]"]


def openai_calls():
    def call(i, **k):
        f = {n: k[n] for n in ("name", "arguments") if n in k}
        c = {"index": i, "function": f}
        if "id" in k:
            c |= {"id": k["id"], "type": "function"}
        return openai_chunk({"tool_calls": [c]})
    return [openai_chunk({"role": "assistant", "content": None}), call(0, id="a", name="f", arguments=""), call(0, arguments="{\"x\": "),
            call(0, arguments="\"ü✓\"}"), call(1, id="b", name="g", arguments="{}"), openai_chunk({}, "tool_calls"), "[DONE]"]


def anthropic_events(blocks, stop):
    start = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
             "usage": {"input_tokens": 9, "output_tokens": 1}}
    events = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for i, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": i, "content_block": block})
        events += [{"type": "content_block_delta", "index": i, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": i})
    return events + [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 15}},
                     {"type": "message_stop"}]


def anthropic_text():
    return anthropic_events([({"type": "text", "text": ""}, [{"type": "text_delta", "text": t} for t in TEXT])], "end_turn")


def anthropic_calls():
    thinking = ({"type": "thinking", "thinking": "", "signature": ""}, [{"type": "thinking_delta", "thinking": "Let me "},
                {"type": "thinking_delta", "thinking": "see ü."}, {"type": "signature_delta", "signature": "EqQB"}])
    first = ({"type": "tool_use", "id": "a", "name": "f", "input": {}}, [{"type": "input_json_delta", "partial_json": p}
             for p in ("", "{\"x\": ", "\"ü", "✓\"}")])
    second = ({"type": "tool_use", "id": "b", "name": "g", "input": {}}, [])
    return anthropic_events([thinking, ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "I look."}]), first, second], "tool_use")


def ollama_lines(messages, done):
    base = {"model": "m", "created_at": "2025-01-01T00:00:00Z"}
    return [base | {"message": {"role": "assistant"} | m, "done": False} for m in messages] + [
        base | {"message": {"role": "assistant", "content": ""}, "done": True} | done]


def ollama_text():
    return ollama_lines([{"content": "", "thinking": "Hm ü."}] + [{"content": t} for t in TEXT],
                        {"done_reason": "stop", "prompt_eval_count": 9, "eval_count": 3})


def ollama_calls():
    return ollama_lines([{"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"x": "ü✓"}}}]},
                         {"content": "", "tool_calls": [{"function": {"name": "g", "arguments": {}}}]}], {"done_reason": "stop"})


STREAMS = {
    ("openai", "text"): sse(openai_text()), ("openai", "tool calls"): sse(openai_calls()),
    ("openai", "text, CRLF and comments"): ": hello\r\n\r\n" + sse(openai_text(), end="\r\n"),
    ("anthropic", "text"): sse(anthropic_text(), named=True), ("anthropic", "thinking and tool calls"): sse(anthropic_calls(), named=True),
    ("anthropic", "text, CRLF"): sse(anthropic_text(), named=True, end="\r\n"),
    ("ollama", "text"): "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in ollama_text()),
    ("ollama", "tool calls"): "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in ollama_calls()),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = b""
    kind = ""
    sizes = [1]

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", self.kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        at, n = 0, 0
        while at < len(self.body):
            piece = self.body[at:at + self.sizes[n % len(self.sizes)]]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            at, n = at + len(piece), n + 1
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


def parsed(arguments):
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def official_openai(base):
    client = openai.OpenAI(base_url=base + "/v1", api_key="k", max_retries=0)
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "hi"}],
                                        stream_options={"include_usage": True}) as stream:
        for _ in stream:
            pass
        c = stream.get_final_completion()
    m, u = c.choices[0].message, c.usage
    return {"text": m.content or "", "calls": [[t.id, t.function.name, parsed(t.function.arguments)] for t in m.tool_calls or []],
            "finish": c.choices[0].finish_reason, "usage": [u.prompt_tokens, u.completion_tokens] if u else [0, 0]}


def official_anthropic(base):
    client = anthropic.Anthropic(base_url=base, api_key="k", max_retries=0)
    with client.messages.stream(model="m", max_tokens=100, messages=[{"role": "user", "content": "hi"}]) as stream:
        m = stream.get_final_message()
    finish = {"end_turn": "stop", "tool_use": "tool_calls"}[m.stop_reason]
    return {"text": "".join(b.text for b in m.content if b.type == "text"),
            "calls": [[b.id, b.name, b.input] for b in m.content if b.type == "tool_use"], "finish": finish,
            "reasoning": "".join(b.thinking for b in m.content if b.type == "thinking"),
            "blocks": [[b.thinking, b.signature] for b in m.content if b.type == "thinking"],
            "usage": [m.usage.input_tokens, m.usage.output_tokens]}


def official_ollama(base):
    text, reasoning, calls, last = "", "", [], None
    for part in ollama.Client(host=base).chat(model="m", messages=[{"role": "user", "content": "hi"}], stream=True):
        text += part.message.content or ""
        reasoning += part.message.thinking or ""
        calls += [[None, c.function.name, dict(c.function.arguments)] for c in part.message.tool_calls or []]
        last = part
    finish = "tool_calls" if calls else last.done_reason
    return {"text": text, "reasoning": reasoning, "calls": calls, "finish": finish, "usage": [last.prompt_eval_count or 0, last.eval_count or 0]}


def ours(read_stream, provider, base):
    out = subprocess.run([read_stream, provider, base + ("/v1" if provider == "openai" else "")], capture_output=True, text=True, timeout=120)
    if out.returncode:
        return {"failed": out.stderr}
    r = json.loads(out.stdout)
    named = provider != "ollama"
    result = {"text": r["content"], "calls": [[c["id"] if named else None, c["name"], parsed(c["arguments"])] for c in r.get("tool_calls", [])],
              "finish": r["finish"], "usage": [0, 0] if r["usage"].get("estimated_tokens") else [r["usage"]["prompt_tokens"], r["usage"]["completion_tokens"]]}
    if provider != "openai":
        result["reasoning"] = r.get("reasoning", "")
    if provider == "anthropic":
        result["blocks"] = [[b["thinking"], b["signature"]] for b in r.get("reasoning_blocks", [])]
    return result


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that closes its connection is no news
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    official = {"openai": official_openai, "anthropic": official_anthropic, "ollama": official_ollama}
    differ = 0
    for (provider, name), body in STREAMS.items():
        Handler.body = body.encode()
        Handler.kind = "application/x-ndjson" if provider == "ollama" else "text/event-stream"
        for sizes in ([1], [2, 3], [7, 1, 64], [1 << 20]):
            Handler.sizes = sizes
            theirs, mine = official[provider](base), ours(sys.argv[1], provider, base)
            same = theirs == mine
            differ += not same
            print(("same   " if same else "DIFFER ") + f"{provider}: {name}, chunks of {sizes}")
            if not same:
                print("  official", json.dumps(theirs, ensure_ascii=False), "\n  reagent ", json.dumps(mine, ensure_ascii=False))
    return 1 if differ else 0


sys.exit(main())
