import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './sources.ts'

/** What processes of tests have compiled, kept from test to test; Node looks at what it compiled from before it takes anything of it. */
export const compileCache = join(root, '.cache', 'compile-tests')

/**
 * Has the processes of a product whose data are in `dataDir` take what earlier ones compiled. A first start spends half its time
 * compiling, and its end as much writing that down; nothing that a test says of it depends on either.
 */
export function shareCompileCache(dataDir: string): void {
  mkdirSync(compileCache, { recursive: true })
  for (const plane of ['', 'gateway', 'vault']) {
    const cache = join(dataDir, plane, 'cache')
    mkdirSync(join(cache, '..'), { recursive: true, mode: 0o700 })
    if (!existsSync(cache)) symlinkSync(compileCache, cache)
  }
}
