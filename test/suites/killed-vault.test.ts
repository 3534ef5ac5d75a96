import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openTokenVault } from '../kit/token-vault.ts'

const child = fileURLToPath(new URL('../kit/token-vault-child.ts', import.meta.url))

test('a vault that is killed in the middle of its work has kept all it answered, and nothing by half', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-killed-vault-'))
  try {
    const answered: { readonly values: string[]; readonly tokens: string[] }[] = []
    for (const lines of [3, 7]) {
      const running = spawn(process.execPath, [child, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(running, 'exit')
      let seen = 0
      for await (const line of createInterface({ input: running.stdout })) {
        answered.push(JSON.parse(line) as (typeof answered)[number])
        if (++seen === lines) running.kill('SIGKILL')
      }
      await ended
    }
    expect(answered.length).toBeGreaterThanOrEqual(10)
    const database = new DatabaseSync(join(dataDir, 'vault.sqlite'))
    expect(database.prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(Number(database.prepare('select count(*) as n from tokens').get()?.['n']) % 20).toBe(0)
    database.close()
    const vault = await openTokenVault({ dataDir })
    try {
      for (const { values, tokens } of answered) {
        expect((await vault.reveal('people', tokens)).map((answer) => ('value' in answer ? answer.value : answer))).toEqual(values)
        expect(await vault.tokenize('people', 'deterministic', values)).toEqual(tokens)
      }
      expect((await vault.tokens.desk.reveals.verify()).ok).toBe(true)
      expect((await vault.tokens.desk.reveals.list({ limit: 1000 })).filter(({ outcome }) => outcome !== 'revealed')).toEqual([])
    } finally {
      await vault.close()
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})
