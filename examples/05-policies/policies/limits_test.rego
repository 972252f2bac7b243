# `opa test --v0-compatible policies` runs this; rolecall leaves it alone.
package access.limits

test_few_removals {
	count(deny) == 0 with input as {"mode": "all", "summary": {"remove": 3}}
}
