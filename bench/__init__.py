"""What a request costs: the gateway with everything on, beside no gateway and beside its peers, in the same run.

The upstream is an emulated vendor, the load a process of its own. What is measured has one core to itself; load and
upstream share the others. CPU time per request is the figure to trust: it does not depend on what else the machine
does. Figures of different runs or machines are not comparable; rows of one table are.
"""
