import functools, sys, traceback

client = functools.cache(client)

for line in sys.stdin:
    shown = []
    try:
        exec(json.loads(line), {**globals(), "show": shown.append})
        answer = {"shown": shown}
    except Exception:
        answer = {"failed": traceback.format_exc()}
    print(json.dumps(answer, default=str), flush=True)
