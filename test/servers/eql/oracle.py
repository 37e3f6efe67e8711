# stdin: JSON lines {query, events: [{at (seconds), ...fields}]}; stdout: for each the sequences that PyPI's eql finds, as lists of
# `at`, in its order. Called by test/servers/eql.test.ts.
import json
import sys

import eql

TICKS = 10_000_000  # of its clock in a second

for line in sys.stdin:
    case = json.loads(line)
    found = []
    engine = eql.PythonEngine()
    engine.add_query(eql.parse_query(case["query"]))
    engine.add_output_hook(lambda result: found.append([event.time // TICKS for event in result.events]))
    engine.stream_events([eql.Event("any", event["at"] * TICKS, event) for event in case["events"]])
    print(json.dumps(found))
