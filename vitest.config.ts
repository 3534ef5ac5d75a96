import { defineConfig } from 'vitest/config'
import { nodeFlags } from './runtime/node-flags.mjs'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'data/**'],
    pool: 'forks', // isolated-vm needs process flags, which worker threads cannot have
    execArgv: nodeFlags,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
