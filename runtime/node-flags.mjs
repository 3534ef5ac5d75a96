/**
 * The flags every Sluice process runs with. They go through `execArgv`, never `NODE_OPTIONS`
 * (isolated-vm's flag breaks workers when it is inherited that way).
 *
 * - `--no-node-snapshot`: isolated-vm's requirement since Node 20.
 * - the two regular-expression flags give V8's linear-time engine: the `l` flag for patterns that a
 *   user typed, and a fallback for patterns of our own that backtrack too much.
 */
export const nodeFlags = [
  '--no-node-snapshot',
  '--enable-experimental-regexp-engine',
  '--enable-experimental-regexp-engine-on-excessive-backtracks',
]
