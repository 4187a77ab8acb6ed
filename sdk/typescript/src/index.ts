import type { Context } from "./context.js";

export type * from "./context.js";
export type * from "./errors.js";
export type * from "./http.js";

/** An action: `inputs` are what the manifest's rules let through, the result is the task's output. */
export type Action<I, O> = (inputs: I, ctx: Context) => O | Promise<O>;

/** Gives a function the type of an action: `export const greet = defineAction<Inputs, Output>(…)`. */
export const defineAction = <I, O>(action: Action<I, O>): Action<I, O> => action;
