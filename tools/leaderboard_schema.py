"""Print the JSON Schema of a leaderboard entry: `python tools/leaderboard_schema.py > docs/leaderboard-schema.json`."""

import json

from robustbench_ir.leaderboard.schema import json_schema

print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
