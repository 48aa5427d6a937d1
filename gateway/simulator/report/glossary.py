"""The terms of a report, for readers who do not run the gateway."""

GLOSSARY = (
    ("Deployment", "One model at one vendor, in one region, under one account, that the gateway can call."),
    (
        "Domain",
        (
            "What takes deployments down together: a vendor, the maker of a model, a cloud, a region, an account, a "
            "legal jurisdiction. Domains that take the same deployments down stand in one row."
        ),
    ),
    (
        "Workflow",
        "The business process that asks. Its value in USD a minute is what its owner says a minute of it is worth.",
    ),
    ("N-1", "Each domain is lost once, alone, and the same traffic is simulated without it."),
    ("N-2, N-1-1", "Two domains are lost: at the same moment, or the second when the first has been got over."),
    (
        "Secure, degraded, lost",
        (
            "Verdicts on a loss. ✓ secure: the workflow keeps what it promises. ▲ degraded: it goes on and keeps less "
            "than it promises. ✕ lost: it stops, or a route it uses does. "
            "The share is that of the requests that got a whole answer."
        ),
    ),
    ("Cut set", "A smallest set of domains whose joint loss stops a workflow. A single point is a cut set of one."),
    (
        "Dependence index",
        (
            "The largest share of its requests that a workflow loses with any one vendor: 0 % needs no vendor in "
            "particular, 100 % stops with one."
        ),
    ),
    (
        "Birnbaum importance",
        (
            "How much more likely the workflow is to be down when the domain is down than when it is up, 0 to 1. It "
            "needs no outage rate of the domain itself."
        ),
    ),
    (
        "Risk achievement worth (RAW)",
        "How many times as likely the workflow is to be down when the domain is known to be down.",
    ),
    (
        "HHI, effective number",
        (
            "Herfindahl-Hirschman index: the sum of the squared shares, 10,000 for everything in one hand. The "
            "effective number, 10,000 / HHI, is of how many equal ones that would be."
        ),
    ),
    (
        "Bad year",
        (
            "Expected shortfall: the mean loss of the worst 5 % of the simulated years, 1 in 20. The worst "
            "2.5 % are 1 in 40."
        ),
    ),
    (
        "Detect, fail over, recover",
        (
            "From the first fault to the first breaker that opened; from the same moment to the first request served "
            "elsewhere; from the end of the last fault until the usual deployments serve as many requests as before."
        ),
    ),
    ("p50, p95, p99", "Half, 95 % and 99 % of the answers came within that time."),
    ("\u2013", "It did not happen, or there was nothing to measure."),
)
