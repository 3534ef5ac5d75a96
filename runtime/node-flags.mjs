/**
 * The flags every Sluice process runs with. They go through `execArgv`, never `NODE_OPTIONS`
 * (isolated-vm's flag breaks workers when it is inherited that way).
 *
 * - `--no-node-snapshot`: isolated-vm's requirement since Node 20.
 * - the two regular-expression flags give V8's linear-time engine: the `l` flag for patterns that a
 *   user typed, and a fallback for patterns of our own that backtrack too much.
 * - `--no-osr-from-maglev`: a loop that V8 replaces by TurboFan code while it runs may lose its interrupt
 *   check (`while (true) new Array(1000).fill(1)` on 24.21), and then no time or heap limit can end a script.
 * - `--max-semi-space-size=32`: what one request leaves behind dies young; with V8's 16 MB a fifth more of a busy
 *   gateway's time goes into collecting it.
 */
export const nodeFlags = [
  '--no-node-snapshot',
  '--max-semi-space-size=32',
  '--no-osr-from-maglev',
  '--enable-experimental-regexp-engine',
  '--enable-experimental-regexp-engine-on-excessive-backtracks',
]
