"""Language models behind one door: `gateway.Gateway`. Local first, outside only when configured, nothing leaves unredacted.

`model` has the words, `errors` what can go wrong, `ollama` and `remote` the providers, `breaker` who is left alone for a while,
`context` what fits. No verdict is taken here: what a model says is material for `core.rca`, which checks it.
"""
