import type { Context } from "@workflow/plugin-sdk";

interface Inputs {
  name: string;
}

interface Output {
  text: string;
  times: number;
}

// Each export is an action; plugin.yaml says what it takes and gives.
export async function greet({ name }: Inputs, ctx: Context): Promise<Output> {
  const times = ((await ctx.kv.get(name)) ?? 0) + 1;
  await ctx.kv.set(name, times);
  ctx.log(`greeting ${name}`);
  return { text: `Hello ${name}!`, times };
}
