import { defineConfig } from 'vitest/config'
import { nodeFlags } from './runtime/node-flags.mjs'

const rooms = ['runtime', 'nodes', 'editor', 'control', 'portal', 'auth-server', 'vault', 'ledger', 'flows', 'docs', 'test/kit', 'test/golden', 'test/bench', 'test/simulate', 'test/verify']

/**
 * Eight suites, so that `npm run verify` can name and count them. What floods a real process or minds the time of a real Redis or
 * PostgreSQL (floods, suites) runs one file at a time: on two cores two floods starve each other. Stories, and people with a browser,
 * wait more than they work, and go in pairs. What only computes (properties, house) takes one core, for it goes on beside the suites.
 * The soak counts what is held and minds no time.
 */
export default defineConfig({
  test: {
    pool: 'forks', // isolated-vm needs process flags, which worker threads cannot have
    execArgv: nodeFlags,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    setupFiles: ['test/kit/property-seed.ts'],
    projects: [
      suite('unit', rooms.map((room) => `${room}/**/*.test.ts`), '100%'),
      suite('suites', ['test/suites/**/*.test.ts'], 1),
      suite('properties', ['test/properties/**/*.test.ts'], 1),
      suite('house', ['test/house/**/*.test.ts'], 1),
      suite('stories', ['test/stories/**/*.test.ts'], 2),
      suite('floods', ['test/floods/**/*.test.ts'], 1),
      suite('soak', ['test/soak/**/*.test.ts'], 1),
      suite('e2e', ['test/e2e/**/*.test.ts'], 2),
    ],
  },
})

/** What minds processes has patience: a machine may be ten times as busy as usual, and vitest's own second for a poll is soon over. */
function suite(name: string, include: string[], maxWorkers?: number | '100%') {
  const order = ['unit', 'suites', 'properties', 'house', 'stories', 'floods', 'soak', 'e2e'].indexOf(name)
  const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 20_000 } } }
  return {
    extends: true as const,
    test: { name, include, sequence: { groupOrder: order }, ...(maxWorkers ? { maxWorkers } : {}), ...(typeof maxWorkers === 'number' ? patience : {}) },
  }
}
