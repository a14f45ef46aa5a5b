"""An OpenAI-compatible server and a collector of telemetry in one, for tests: model.py LOG writes its port to standard output.

What it answers stands in the question: "SCRIPT tool {args} ;; tool {args}" is called step by step, "FAIL" is refused until the file
LOG.mended is there, "SLOW n" is answered after n seconds. Requests are logged, a line of JSON each; GET /slow?SECONDS answers late.
"""
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

log, lock = open(sys.argv[1], "a"), threading.Lock()


def fields(**values):
    return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in values.items()) + "[[ ## completed ## ]]"


def answer(request):
    text = "\n".join(str(m.get("content")) for m in request["messages"])
    last = str(request["messages"][-1]["content"])
    script = re.findall(r"SCRIPT (.*)", text)
    steps = [s.strip() for s in script[-1].split(";;")] if script else []
    if "next_tool_name" not in str(request["messages"][0]["content"]):
        return fields(reasoning="r", answer="done", reply="done")
    done = len(set(re.findall(r"observation_(\d+)", last)))
    name, _, arguments = (steps[done] if done < len(steps) else "finish").partition(" ")
    return fields(next_thought="on", next_tool_name=name, next_tool_args=arguments or "{}")


class handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, kind="application/json"):
        body = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked does not wait any more

    def do_GET(self):
        if self.path.startswith("/slow?"):
            with lock:
                print(json.dumps({"slow": self.path}), file=log, flush=True)
            time.sleep(float(self.path[6:]))
            return self.send(200, "WHAT IT DID", "text/plain")
        self.send(200, '{"data": [{"id": "x"}]}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        with lock:
            print(json.dumps({"path": self.path, "body": body}), file=log, flush=True)
        if "chat/completions" not in self.path:
            return self.send(200, "{}")
        request = json.loads(body)
        if "FAIL" in body and not os.path.exists(sys.argv[1] + ".mended"):
            return self.send(400, '{"error": {"message": "not today"}}')
        if slow := re.search(r"SLOW ([\d.]+)", body):
            time.sleep(float(slow[1]))
        text = answer(request)
        if not request.get("stream"):
            message = {"role": "assistant", "content": text}
            return self.send(200, json.dumps({"id": "1", "model": "x", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                                              "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}))
        chunks = [{"id": "1", "model": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
                  {"id": "1", "model": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
        self.send(200, "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n", "text/event-stream")


server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1], flush=True)
server.serve_forever()
