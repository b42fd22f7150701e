"""A file of tokens, one for each kind of caller, and what they send."""

import hashlib

TOKENS = {"writer": "ingest", "reader": "query", "keeper": "admin", "both": "ingest,query"}


def secret_of(name):
    return f"{name}-{'0123456789abcdef' * 4}"


def bearer(name):
    return {"Authorization": f"Bearer {secret_of(name)}"}


def tokens_text(names):
    return "".join(f"{name} {TOKENS[name]} sha256:{hashlib.sha256(secret_of(name).encode()).hexdigest()}\n"
                   for name in names)


def tokens_file(place, *names, mode=0o600):
    file = place / "tokens"
    new = place / "tokens.new"
    new.write_text("# who may call\n" + tokens_text(names or TOKENS))
    new.chmod(mode)
    new.rename(file)
    return file


def guarded_collector(site):
    return site.start_collector(**{"mqtt.url": "", "http.tokens": tokens_file(site.place)})
