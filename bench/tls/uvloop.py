"""The same program as python_asyncio.py, on uvloop.

bench-packages: uvloop
bench-backend: epoll
"""
import runpy
from pathlib import Path

import uvloop

uvloop.install()
runpy.run_path(str(Path(__file__).with_name("python_asyncio.py")), run_name="__main__")
