# The interpreter's own half: reads cells from the host, executes them in one namespace, and tells what came of them. It speaks over
# descriptor 8 in frames: four bytes of length, then JSON. A cell may do what it likes to this program; the host trusts nothing of it.
import ast, base64, builtins, json, linecache, math, os, signal, struct, sys, traceback

CHANNEL = 8
LONGEST_SHOWN, LONGEST_VALUE, LONGEST_TRACE, MOST_PICTURES = 10_000, 200_000, 4_000, 8
PNG = b"\x89PNG\r\n\x1a\n"
os.set_inheritable(CHANNEL, False)


class ToolError(Exception):
    """A function of the host failed; the text says why."""


class CellTimeout(BaseException):
    pass


class Submitted(BaseException):
    pass


def exactly(count):
    parts = []
    while count:
        part = os.read(CHANNEL, min(count, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def receive():
    return json.loads(exactly(struct.unpack(">I", exactly(4))[0]))


def send(message):
    data = json.dumps(message).encode()
    data = struct.pack(">I", len(data)) + data
    while data:
        data = data[os.write(CHANNEL, data[:1 << 20]):]


def clean(text):
    return text.encode("utf-8", "replace").decode()


def plain(value, room=None):
    """The value as JSON has it; TypeError where JSON has none of the kind, or none so large."""
    room = [LONGEST_VALUE] if room is None else room
    room[0] -= 8 + (len(value) if isinstance(value, str) else 0)
    if room[0] < 0:
        raise TypeError("it is too large")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, int):
        if not -(1 << 63) <= value < (1 << 64):
            raise TypeError("the number is too large")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError("the number is not finite")
        return float(value)
    if isinstance(value, dict):
        return {clean(k if isinstance(k, str) else str(k)): plain(v, room) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, room) for v in value]
    if isinstance(value, (set, frozenset)):
        return [plain(v, room) for v in sorted(value, key=repr)]
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a pandas.DataFrame
        rows = value.values.tolist()
        return {"columns": [str(c) for c in value.columns], "rows": plain(rows, room)}
    if hasattr(value, "tolist"):  # of numpy
        return plain(value.tolist(), room)
    raise TypeError("a " + type(value).__name__ + " is no JSON value")


def shortened(text, most):
    return clean(text if len(text) <= most else text[:most] + "... [%d characters in all]" % len(text))


class Clock:
    """The time that a cell may take, without that of its calls."""
    left = 0.0

    def start(self, seconds):
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def pause(self):
        self.left = signal.setitimer(signal.ITIMER_REAL, 0)[0]

    def go_on(self):
        if self.left:
            signal.setitimer(signal.ITIMER_REAL, self.left)


clock, pictures, main_pid = Clock(), [], os.getpid()


def out_of_time(*_):
    raise CellTimeout("the cell took longer than it may")


signal.signal(signal.SIGALRM, out_of_time)


def ask(calls):
    """Several calls of the host at once; an outcome for each."""
    import threading
    if os.getpid() != main_pid or threading.current_thread() is not threading.main_thread():
        raise RuntimeError("functions of the host are called from the main thread; use parallel([...]) for several at once")
    clock.pause()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        send({"calls": [{"name": c.function.name, "arguments": c.arguments} for c in calls]})
        return receive()["results"]
    finally:
        clock.go_on()


def value_of(outcome):
    if "error" in outcome:
        raise ToolError(outcome["error"])
    return outcome["value"]


def running_loop():
    events = sys.modules.get("asyncio.events")
    return events._get_running_loop() if events else None


class Call:
    def __init__(self, function, arguments):
        self.function, self.arguments = function, arguments


class Gathering:
    """Calls that are made while a loop runs: all of one turn of it go together."""
    waiting = []

    def add(self, loop, call):
        future = loop.create_future()
        if not self.waiting:
            loop.call_soon(self.make)
        self.waiting.append((call, future))
        return future

    def make(self):
        batch, self.waiting = self.waiting, []
        for (_, future), outcome in zip(batch, ask([c for c, _ in batch])):
            if future.done():
                continue
            if "error" in outcome:
                future.set_exception(ToolError(outcome["error"]))
            else:
                future.set_result(outcome["value"])


gathering = Gathering()


class HostFunction:
    def __init__(self, name, parameters, doc):
        self.name, self.parameters, self.__doc__, self.__name__ = name, parameters, doc, name

    def later(self, *args, **named):
        """The call, to be made by parallel([...])."""
        if len(args) > len(self.parameters):
            raise TypeError("%s takes %d arguments, %d were given" % (self.name, len(self.parameters), len(args)))
        arguments = dict(zip(self.parameters, args))
        for name, value in named.items():
            if name in arguments:
                raise TypeError("%s got two values for %s" % (self.name, name))
            arguments[name] = value
        try:
            return Call(self, plain(arguments, [1 << 24]))
        except TypeError as e:
            raise TypeError("%s cannot be called with that: %s" % (self.name, e)) from None

    def __call__(self, *args, **named):
        call, loop = self.later(*args, **named), running_loop()
        return gathering.add(loop, call) if loop else value_of(ask([call])[0])

    def __repr__(self):
        return "<function %s of the host>" % self.name


def parallel(calls, items=None):
    """parallel([f.later(...), g.later(...)]), or parallel(f, [arguments of each call]): makes them at once, and returns their values."""
    if items is not None:
        one = calls
        calls = [one.later(**i) if isinstance(i, dict) else one.later(*i) if isinstance(i, (tuple, list)) else one.later(i) for i in items]
    calls = list(calls)
    if not all(isinstance(c, Call) for c in calls):
        raise TypeError("parallel takes calls that are not made yet, as parallel([f.later(x=1), f.later(x=2)])")
    return [value_of(o) for o in ask(calls)] if calls else []


def show(picture):
    """Shows a PNG: its bytes, the path of its file, or a figure that can be saved."""
    if hasattr(picture, "savefig"):
        import io
        held = io.BytesIO()
        picture.savefig(held, format="png")
        picture = held.getvalue()
    if not isinstance(picture, (bytes, bytearray)):
        with open(picture, "rb") as file:
            picture = file.read()
    if not bytes(picture).startswith(PNG):
        raise ValueError("that is no PNG")
    if len(pictures) >= MOST_PICTURES:
        raise ValueError("a cell shows at most %d pictures" % MOST_PICTURES)
    pictures.append(base64.b64encode(bytes(picture)).decode())


def submit_by(names):
    def submit(*args, **named):
        if len(args) > len(names):
            raise TypeError("submit takes " + ", ".join(names))
        values = {**dict(zip(names, args)), **named}
        if len(names) == 1 and not args and set(named) != set(names):
            values = {names[0]: named}
        wrong = [n for n in values if n not in names] + ["no " + n for n in names if n not in values]
        if wrong:
            raise TypeError("submit takes %s; wrong: %s" % (", ".join(names), ", ".join(wrong)))
        try:
            raise Submitted({n: plain(v, [1 << 24]) for n, v in values.items()})
        except TypeError as e:
            raise TypeError("submit cannot take that: %s" % e) from None
    return submit


space = {"__name__": "__main__", "__builtins__": builtins, "show": show, "parallel": parallel, "ToolError": ToolError}
loops, count = [], 0


def await_it(coroutine):
    import asyncio
    if not loops:
        loops.append(asyncio.new_event_loop())
    return loops[0].run_until_complete(coroutine)


def evaluated(tree, name):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = None
    for part in (tree if tree.body else None, ast.Expression(last.value) if last else None):
        if part is None:
            continue
        code = compile(part, name, "exec" if isinstance(part, ast.Module) else "eval", flags)
        value = eval(code, space)
        if code.co_flags & 0x80:  # CO_COROUTINE
            value = await_it(value)
    return value if last else None


def told_of(failure, name):
    """An exception as whoever wrote the cell reads it: only lines of cells."""
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if f.filename.startswith("<cell ")]
    line = next((f.lineno for f in reversed(frames) if f.filename == name), None)
    if isinstance(failure, SyntaxError) and failure.filename == name:
        line = failure.lineno
    words = traceback.format_list(frames) + traceback.format_exception_only(type(failure), failure)
    return {"type": type(failure).__name__, "message": shortened(str(failure), 2000), "line": line or 0,
            "trace": clean("".join(words)[-LONGEST_TRACE:])}


def told_value(value, result):
    if value is None:
        return
    if isinstance(value, (bytes, bytearray)) and bytes(value).startswith(PNG):
        return show(value)
    if hasattr(value, "_repr_png_"):
        return show(value._repr_png_())
    try:
        result["value"] = plain(value)
    except Exception:
        pass
    result["shown"] = shortened(repr(value), LONGEST_SHOWN)


def execute(source, seconds):
    global count
    count += 1
    name, result = "<cell %d>" % count, {}
    pictures.clear()
    gathering.waiting = []
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    try:
        clock.start(seconds)
        told_value(evaluated(ast.parse(source, name), name), result)
    except Submitted as e:
        result["submitted"] = e.args[0]
    except BaseException as e:
        result["error"] = told_of(e, name)
    finally:
        clock.left = 0.0
        signal.setitimer(signal.ITIMER_REAL, 0)
    result["pictures"] = list(pictures)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception as e:
        result.setdefault("error", told_of(e, name))
    return result


def prepare(message):
    for f in message.get("functions", []):
        space[f["name"]] = HostFunction(f["name"], f["parameters"], f["doc"])
    if message.get("submit"):
        space["submit"] = submit_by(message["submit"])
    space.update(message.get("set", {}))


def serve():
    send({"ready": 1})
    while True:
        message = receive()
        try:
            prepare(message)
            if "cell" in message:
                send({"done": execute(message["cell"], message["seconds"])})
        except CellTimeout:  # it came between a cell's end and the clock's
            send({"done": {"error": {"type": "CellTimeout", "message": "the cell took longer than it may", "line": 0, "trace": ""}}})


serve()
