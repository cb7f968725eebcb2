"""What the fuzzer does before a call: nobody waits for minutes to be seen typing."""

import schemathesis

# Milliseconds.
LONGEST_DELAY = 100


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    for holder in (body, body.get("options")) if isinstance(body, dict) else ():
        delay = holder.get("delay") if isinstance(holder, dict) else None
        if isinstance(delay, (int, float)) and delay > LONGEST_DELAY:
            holder["delay"] = LONGEST_DELAY
