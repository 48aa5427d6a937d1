"""Emulated vendors: real HTTP servers on loopback that speak the OpenAI dialect and misbehave on request.

They are the embedded default of the product, the double in every test, and the upstream in the benchmarks. A reply is
a *script* of bytes, pauses and an ending (`script.py`), and a fault is a function on what is about to be said: on
the words (`faults_content.py`), on the events of a stream (`faults_stream.py`), on the bytes of a plain reply
(`faults_plain.py`), or in place of any reply (`faults_reply.py`). One class performs scripts (`connection.py`).

We looked for one to reuse. llmock (0.2.2) comes closest, but it has one view of one server, cannot damage a reply
below the level of HTTP (no reset, no cut chunk, no trickle), does not tell the kinds of exhausted quota apart, and is
not seeded per run. A test double for failover needs exactly these, so this one is our own.

Marks in a prompt: `[[words:N]]` is answered "w0 w1 ... wN-1" by every vendor, so that an answer pieced together from
several shows each gap and each doubling; `[[refuse]]` is refused as a breach of content policy.

Not expressible by a server: an empty answer from DNS (T1), a connect that times out, and a failed TLS handshake. A
refused connect is no fault on the board, but `EmulatedVendor.down()`.
"""
