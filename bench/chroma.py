#!/usr/bin/env python3
"""Chroma's own client and server beside `retrieve_load`, which wrote the vectors: chroma.py CHROMA_PROGRAM FOLDER. Needs `chromadb`.

FOLDER holds `vectors` and `queries` (rows of float32), `exact` (int32: the ten nearest of each query) and `dimensions`."""
import os
import socket
import subprocess
import sys
import tempfile
import time

import chromadb
import numpy

program, folder = sys.argv[1:]
dimensions = int(open(os.path.join(folder, "dimensions")).read())
vectors = numpy.fromfile(os.path.join(folder, "vectors"), dtype=numpy.float32).reshape(-1, dimensions)
queries = numpy.fromfile(os.path.join(folder, "queries"), dtype=numpy.float32).reshape(-1, dimensions)
exact = numpy.fromfile(os.path.join(folder, "exact"), dtype=numpy.int32).reshape(len(queries), -1)

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
with tempfile.TemporaryDirectory() as place:
    server = subprocess.Popen([program, "run", "--path", place, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                client = chromadb.HttpClient(host="127.0.0.1", port=port)
                client.heartbeat()
                break
            except Exception:
                time.sleep(0.1)
        passages = client.create_collection("passages", embedding_function=None, metadata={"hnsw:space": "cosine"})
        start = time.monotonic()
        for at in range(0, len(vectors), 2000):
            rows = vectors[at:at + 2000]
            ids = [str(at + i) for i in range(len(rows))]
            passages.add(ids=ids, embeddings=rows, documents=[f"passage {i}" for i in ids])
        build = time.monotonic() - start
        took, right = [], 0
        for q, nearest in zip(queries, exact):
            start = time.monotonic()
            found = passages.query(query_embeddings=[q], n_results=10, include=["documents", "distances"])
            took.append(time.monotonic() - start)
            right += len(set(map(int, found["ids"][0])) & set(nearest.tolist()))
        took.sort()
        size = sum(os.path.getsize(os.path.join(f, n)) for f, _, names in os.walk(place) for n in names)
        print(f"chroma: build_s={build:.1f} mb={size / 1e6:.0f} recall={right / exact.size:.3f} qps={len(took) / sum(took):.0f} "
              f"p50_ms={took[len(took) // 2] * 1e3:.2f} p99_ms={took[int(len(took) * .99)] * 1e3:.2f}")
    finally:
        server.terminate()
        server.wait()
