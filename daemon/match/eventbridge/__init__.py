"""EventBridge's pattern language, compiled: pattern.py → table.py → program.py, put together by matcher.py."""
