"""The workflows on Restate, an ASGI application. Needs restate_sdk, and nothing of ours."""

import restate

bench = restate.Service("bench")


async def add(value):
    return value + 1


async def chained(ctx, length):
    value = 0
    for number in range(length):
        value = await ctx.run_typed(f"t{number}", add, restate.RunOptions(), value)
    return value


@bench.handler()
async def chain(ctx: restate.Context, given: dict) -> int:
    return await chained(ctx, 40)


@bench.handler()
async def short(ctx: restate.Context, given: dict) -> int:
    return await chained(ctx, 3)


@bench.handler()
async def fan(ctx: restate.Context, given: dict) -> int:
    steps = [ctx.run_typed(f"t{number}", add, restate.RunOptions(), number) for number in range(40)]
    done = await restate.gather(*steps)
    total = sum([await one for one in done])
    return await ctx.run_typed("join", add, restate.RunOptions(), total)


app = restate.app([bench])
