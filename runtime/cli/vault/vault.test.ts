import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, expect, test, vi } from 'vitest'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import { createFakeVaultDesk } from '../../../test/kit/fake-vault-desk.ts'
import { CommandFailed } from '../outcome.ts'
import { createVaultAdminClient } from './client.ts'
import { runRevealsExport } from './reveals.ts'

const root = { name: 'admin', role: 'admin', from: '' } as const
const vault = createFakeVaultDesk()
const canary = 'canary-93bd\nsecond line'
const cli = useCommandLine({
  vault,
  async prepare({ users, consumers }) {
    await users.create({ name: 'olive', role: 'data-officer' }, 'admin')
    await users.create({ name: 'otto', role: 'data-officer' }, 'admin')
    await users.create({ name: 'vera', role: 'viewer' }, 'admin')
    await consumers.organisations.create({ id: 'north', name: 'North', fourEyes: true }, root)
    await consumers.applications.create({ id: 'till', name: 'Till', organisation: 'north' }, root)
  },
})
const sluice = (...words: string[]) => cli.run('olive', 'vault', ...words)
const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!
afterEach(() => Object.defineProperty(process, 'stdin', stdin))
const pipe = (text: string) => Object.defineProperty(process, 'stdin', { configurable: true, value: Readable.from([Buffer.from(text)]) })

test('domains are made, changed, rotated, and shredded with their name said again', async () => {
  expect([await sluice('domains', 'add', 'customers', '--purpose', 'billing', 'care', '--clearance', 'high', '--ttl', '90d'), cli.out]).toEqual([0, expect.stringMatching(/purposes +billing, care[\s\S]*tokens live +7776000 s/)])
  expect(await sluice('domains', 'change', 'customers', '--clearance', 'top')).toBe(0)
  expect([await sluice('domains', 'list'), cli.out]).toEqual([0, expect.stringMatching(/customers +active +top +billing care +7776000 s +1/)])
  expect([await sluice('domains', 'rotate', 'customers'), cli.out]).toEqual([0, expect.stringContaining('version 2')])
  expect([await sluice('domains', 'shred', 'customers', '--confirm', 'custom') > 0, cli.err]).toEqual([true, expect.stringContaining('type the name')])
  expect([await sluice('domains', 'change', 'customers') > 0, cli.err]).toEqual([true, expect.stringContaining('--purpose')])
  pipe('A123456789\n')
  expect([await sluice('domains', 'shred-subject', 'customers'), cli.out, vault.told.at(-1)]).toEqual([0, expect.stringContaining('3 values'), 'A123456789'])
  expect(cli.out).not.toContain('A123456789')
  await sluice('domains', 'add', 'old')
  expect([await sluice('domains', 'shred', 'old', '--confirm', 'old'), (await vault.domains.list()).find(({ name }) => name === 'old')?.state]).toEqual([0, 'shredded'])
})

test('a grant is given by two where the organisation wants it, listed, and taken back', async () => {
  expect([await sluice('grants', 'add', 'till', 'customers', '--purpose', 'billing'), cli.out]).toEqual([0, expect.stringContaining('wants a second person')])
  const [, id] = /agree (\S+)/.exec(cli.out)!
  expect([await sluice('grants', 'agree', id!) > 0, cli.err]).toEqual([true, expect.stringContaining('second person')])
  expect([await cli.run('otto', 'vault', 'grants', 'agree', id!), cli.out]).toEqual([0, expect.stringMatching(/Granted\. Id g\d+/)])
  const [, given] = /Id (g\d+)/.exec(cli.out)!
  expect([await sluice('grants', 'list', '--application', 'till'), cli.out]).toEqual([0, expect.stringMatching(new RegExp(`${given} +till +customers +billing +active`))])
  expect([await sluice('grants', 'add', 'nobody', 'customers', '--purpose', 'gossip') > 0, cli.err]).toEqual([true, expect.stringMatching(/\/client[\s\S]*\/purpose/)])
  expect(await sluice('grants', 'remove', given!)).toBe(0)
})

test('keys are made, rotated and switched, also one version; certificates say how long they last', async () => {
  expect([await sluice('keys', 'create', 'signing', '--kind', 'ed25519', '--set', 'public'), cli.out]).toEqual([0, expect.stringMatching(/signing +ed25519 +EdDSA +public +active +1/)])
  expect([await sluice('keys', 'rotate', 'signing'), cli.out]).toEqual([0, expect.stringContaining('version 2')])
  expect([await sluice('keys', 'schedule', 'signing', '--every', '90d', '--keep-old', '30d'), cli.out]).toEqual([0, expect.stringMatching(/every 90 days, next on 2026-[\s\S]*for 30 days/)])
  expect([await sluice('keys', 'schedule', 'signing', '--every', 'never', '--keep-old', 'forever'), cli.out]).toEqual([0, expect.stringMatching(/nobody but people[\s\S]*for ever/)])
  expect([await sluice('keys', 'schedule', 'signing', '--every', 'soon'), cli.err]).toEqual([2, expect.stringContaining('--every takes a number of days')])
  expect([await sluice('keys', 'schedule', 'signing'), cli.err]).toEqual([2, expect.stringContaining('--keep-old')])
  expect([await sluice('keys', 'disable', 'signing', '--key-version', '1'), cli.out]).toEqual([0, expect.stringContaining('2, disabled: 1')])
  pipe(`${'q'.repeat(43)}\n`)
  expect([await sluice('keys', 'import', 'partner', '--kind', 'hmac-256', '--json'), vault.told.at(-1), cli.out.includes('qqq')]).toEqual([0, 'q'.repeat(43), false])
  await sluice('keys', 'disable', 'signing')
  expect([await sluice('keys', 'uses', 'signing'), cli.out]).toEqual([0, expect.stringMatching(/3 +sign +disabled +- +till +pay/)])
  expect([await sluice('keys', 'uses', 'none') > 0, cli.err]).toEqual([true, expect.stringContaining('none')])
  expect([await sluice('keys', 'public', 'public', '--json'), JSON.parse(cli.out)]).toEqual([0, { keys: [] }])
  writeFileSync(join(cli.folder, 'web.pem'), 'days:12')
  expect([await sluice('certificates', 'import', 'web', join(cli.folder, 'web.pem')), cli.out]).toEqual([0, expect.stringMatching(/web +12 /)])
  expect(await sluice('certificates', 'remove', 'web')).toBe(0)
})

test('the value of a secret comes from stdin, whole, and is printed nowhere', async () => {
  pipe(`${canary}\n`)
  expect([await sluice('secrets', 'set', 'bank', '--description', 'Of the bank'), cli.out, vault.told.at(-1)]).toEqual([0, expect.stringContaining('{{secret:bank}}'), canary])
  pipe('another')
  expect([await sluice('secrets', 'set', 'bank', '--new') > 0, cli.err]).toEqual([true, expect.stringMatching(/already/)])
  expect(await sluice('secrets', 'list', '--json')).toBe(0)
  expect(cli.out + cli.err).not.toContain('canary')
  pipe('')
  expect([await sluice('secrets', 'set', 'bank'), cli.err]).toEqual([2, expect.stringContaining('No value came in')])
  expect(await sluice('secrets', 'remove', 'bank')).toBe(0)
})

test('reveals are listed, exported and verified by those who may; how the vault is, and its master key', async () => {
  vault.record.push({ number: 1, at: '2026-02-03T04:05:06.000Z', domain: 'customers', token: 'h', client: 'till', purpose: 'billing', run: 'run-1', flow: 'f', node: 'n', outcome: 'denied' })
  expect([await cli.run('admin', 'vault', 'reveals', 'list', '--client', 'till'), cli.out]).toEqual([0, expect.stringMatching(/denied +till +customers +billing +run-1/)])
  const out = join(cli.folder, 'reveals.csv')
  expect([await cli.run('admin', 'vault', 'reveals', 'export', '--out', out), readFileSync(out, 'utf8').split('\r\n').length]).toEqual([0, 3])
  expect([await cli.run('admin', 'vault', 'reveals', 'verify'), cli.out]).toEqual([0, expect.stringContaining('whole: 1')])
  expect([await sluice('reveals', 'list') > 0, cli.err]).toEqual([true, expect.stringContaining('auditors')])
  vault.left = 0
  expect([await sluice('status'), cli.out]).toEqual([0, expect.stringMatching(/tokens +1200[\s\S]*none/)])
  expect(cli.out).toContain('none has sealed 65,536 values')
  vault.wears = [{ scope: 'domain:customers', version: 3, since: '2026-01-01T00:00:00.000Z', seals: 1_073_741_824, share: 0.5, fullAt: '2031-01-01T00:00:00.000Z' }, { scope: 'keys', version: 1, since: '2026-01-01T00:00:00.000Z', seals: 0, share: 0 }]
  expect([await sluice('status'), cli.out]).toEqual([0, expect.stringMatching(/data keys +domain customers: version 3, since 2026-01-01, sealed about 1,073,741,824 values, 50 % of what it does; replaced by itself about 2031-01-01\n +keys: version 1, since 2026-01-01, sealed fewer than 65,536 values\n/)])
  expect([await sluice('rotate-master-key'), cli.out]).toEqual([0, expect.stringContaining('40, going on')])
  expect([await cli.run('vera', 'vault', 'status') > 0, cli.err]).toEqual([true, expect.stringContaining('data officers')])
})

test('an export is written as it comes, and one that breaks off is never taken for the whole', async () => {
  let play: (response: ServerResponse) => void = () => {}
  const played = createServer((_request, response) => play(response))
  await new Promise<void>((resolve) => played.listen(0, '127.0.0.1', resolve))
  const client = createVaultAdminClient({ url: `http://127.0.0.1:${(played.address() as AddressInfo).port}`, token: 'token' })
  const results: unknown[] = []
  const output = (json: boolean) => ({ json, result: (...given: unknown[]) => void results.push(given), note: () => {} })
  const out = join(cli.folder, 'long.csv')
  try {
    for (const json of [false, true]) {
      let printed = ''
      vi.mocked(process.stdout.write).mockImplementation(((piece: Uint8Array | string) => ((printed += typeof piece === 'string' ? piece : Buffer.from(piece).toString()), true)) as never)
      // The second piece, which begins in the middle of a character, is sent when the first has been printed.
      const bytes = Buffer.from('number\r\n1,"王小明"\r\n')
      play = (response) => {
        response.writeHead(200, { 'content-type': 'text/csv' }).write(bytes.subarray(0, 13))
        void vi.waitFor(() => expect(printed).toContain('number'), { timeout: 20_000 }).then(() => response.end(bytes.subarray(13)))
      }
      await runRevealsExport(client, {}, output(json))
      expect(json ? (JSON.parse(printed) as { csv: string }).csv : printed.includes('1,"')).toEqual(json ? bytes.toString() : true)
    }
    writeFileSync(out, 'what was there')
    play = (response) => response.writeHead(200, { 'content-type': 'text/csv' }).write('number\r\n1\r\n', () => response.destroy())
    await expect(runRevealsExport(client, { out }, output(false))).rejects.toMatchObject({ code: 1, message: expect.stringContaining('broke off') })
    expect([readFileSync(out, 'utf8'), existsSync(`${out}.part`)]).toEqual(['what was there', false])
    play = (response) => response.writeHead(200, { 'content-type': 'text/csv' }).end('number\r\n1\r\n2\r\n')
    await runRevealsExport(client, { out }, output(false))
    expect([readFileSync(out, 'utf8'), statSync(out).mode & 0o777, results]).toEqual(['number\r\n1\r\n2\r\n', 0o600, [['2 reveals are in ' + out + '.', { out, lines: 2 }]]])
    play = (response) => response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{"code":"vault.unavailable","detail":"The vault is away."}')
    await expect(runRevealsExport(client, { out }, output(false))).rejects.toMatchObject({ message: expect.stringContaining('The vault is away.') })
    await expect(runRevealsExport(client, { out: join(cli.folder, 'none', 'x.csv') }, output(false)).catch((thrown: unknown) => thrown)).resolves.toBeInstanceOf(CommandFailed)
  } finally {
    played.closeAllConnections()
    played.close()
  }
})
