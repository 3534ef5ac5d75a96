import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { projectDir } from './cli/start/plan.ts'

// Before anything large is loaded: the second start skips compiling.
enableCompileCache(join(projectDir, '.cache', 'compile'))
const { runCommandLine } = await import('./cli/command-line.ts')
process.exitCode = await runCommandLine(process.argv.slice(2))
// A listener on the channel to start.mjs would keep the process alive after its work is done.
if (process.connected) process.disconnect()
