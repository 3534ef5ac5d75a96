#!/usr/bin/env node
/**
 * Starts Sluice on a Node that can run it: the machine's own if it is 24 or newer, else the one that
 * the npm package `node` brought along. `--run FILE` runs another of the project's scripts the same way.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from './runtime/node-flags.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const brought = join(here, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
const newEnough = Number(process.versions.node.split('.')[0]) >= 24
const node = newEnough ? process.execPath : existsSync(brought) ? brought : undefined

if (!node) {
  console.error(
    `Sluice needs Node 24 or newer; this is ${process.version}, and the project's own copy is missing.\n` +
      'Run `npm ci` in the project folder, or install Node 24 (https://nodejs.org).',
  )
  process.exit(1)
}

const args = process.argv.slice(2)
const [file, rest] = args[0] === '--run' ? [join(here, args[1] ?? ''), args.slice(2)] : [join(here, 'runtime', 'main.ts'), args]
const child = spawn(node, [...nodeFlags, '--disable-warning=ExperimentalWarning', file, ...rest], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'], // the channel's end tells the child that its parent is gone
})
// Ctrl-C reaches the whole foreground group; a signal sent to this process alone is passed on. The child takes two at once for one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`Node could not be started from ${node}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
