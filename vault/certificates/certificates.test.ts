import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../../test/kit/certificates.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import { createKeyring } from '../keys/keyring.ts'
import { alarmDays, dueAlarms } from './due-alarms.ts'
import { watchCertificates } from './watch-certificates.ts'

const dayMs = 86_400_000
const folder = mkdtempSync(join(tmpdir(), 'sluice-certificates-'))
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
let endMs: number

beforeAll(() => {
  makeCertificate(folder, 'root', 'root.example')
  makeCertificate(folder, 'bank', 'bank.example', 'root')
  endMs = new X509Certificate(read('bank.crt')).validToDate.getTime()
})
afterAll(() => rmSync(folder, { recursive: true }))

function open(nowMs = endMs - 2.5 * dayMs) {
  const { records, rows } = memoryRecords()
  const clock = fakeClock(nowMs)
  const lines: string[] = []
  const note = (level: string) => (facts: object, text: string) => void lines.push(`${level} ${(facts as { certificate?: string }).certificate} ${text}`)
  const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  const { certificates } = createKeyring({ records, envelope: memoryEnvelope(), clock }).desk
  return { records, rows, clock, lines, log, certificates }
}

describe('importing', () => {
  test('a certificate says whose it is, who gave it, and how long it is good for', async () => {
    const { certificates } = open()
    expect(await certificates.put('bank', `${read('bank.crt')}\n${read('root.crt')}`, 'ann')).toMatchObject({ name: 'bank', subject: 'CN=bank.example', issuer: 'CN=root.example', daysLeft: 2, notAfter: new Date(endMs).toISOString() })
    expect(await certificates.list()).toHaveLength(1)
    await certificates.remove('bank', 'ann')
    expect(await certificates.list()).toEqual([])
    await expect(certificates.remove('bank', 'ann')).rejects.toMatchObject({ code: 'certificate.unknown', status: 404 })
  })

  test('a private key beside it is refused with a sentence that does not show it, and nothing is kept', async () => {
    const { certificates, rows } = open()
    const refused = certificates.put('bank', read('bank.crt') + read('bank.key'), 'ann')
    await expect(refused).rejects.toMatchObject({ code: 'certificate.private_key', status: 422, message: expect.stringContaining('holds a private key') })
    const line = read('bank.key').split('\n')[1] as string
    expect(await refused.catch((error: Error) => error.message)).not.toContain(line)
    expect(rows.size).toBe(0)
  })

  test('what is no chain of certificates is refused, and why is said', async () => {
    const { certificates } = open()
    const put = (pem: string) => certificates.put('bank', pem, 'ann')
    await expect(put('hello')).rejects.toMatchObject({ code: 'certificate.none', message: expect.stringContaining('no certificate') })
    await expect(put(read('root.crt') + read('bank.crt'))).rejects.toMatchObject({ code: 'certificate.order', facts: { number: 2 }, message: expect.stringContaining('Certificate 2 of the text did not issue the one before it') })
    await expect(put('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).rejects.toMatchObject({ message: 'Certificate 1 of the text cannot be read.' })
    await expect(put('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----')).rejects.toMatchObject({ message: expect.stringContaining('holds a public key') })
    await expect(put('x'.repeat(200_000))).rejects.toMatchObject({ code: 'certificate.too_long', facts: { most: 100_000 } })
    await expect(certificates.put('a/b', read('bank.crt'), 'ann')).rejects.toMatchObject({ code: 'certificate.name' })
  })
})

describe('alarms', () => {
  test('each threshold is said once, the nearest of several that were missed', () => {
    const endsAt = new Date(endMs).toISOString()
    const due = (days: number, saidDays?: number) => dueAlarms([{ name: 'a', kept: { endsAt, ...(saidDays === undefined ? {} : { saidDays }) } }], endMs - days * dayMs).map(({ atDays }) => atDays)
    expect(due(61)).toEqual([])
    expect(due(60)).toEqual([60])
    expect(due(45, 60)).toEqual([])
    expect(due(30, 60)).toEqual([30])
    expect(due(0.5)).toEqual([1])
    expect(due(0, 1)).toEqual([0])
    expect(due(-400)).toEqual([0])
    expect(due(-400, 0)).toEqual([])
  })

  test('however seldom somebody looks, what is said goes down and ends with the end', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 }), (pauses) => {
        const endsAt = new Date(100 * dayMs).toISOString()
        let kept: { endsAt: string; saidDays?: number } = { endsAt }
        const said: number[] = []
        let now = 0
        for (const pause of [...pauses, 200]) {
          now += pause * dayMs
          for (const { atDays } of dueAlarms([{ name: 'a', kept }], now)) {
            said.push(atDays)
            kept = { endsAt, saidDays: atDays }
          }
        }
        expect(said).toEqual([...new Set(said)].toSorted((a, b) => b - a))
        expect(said.at(-1)).toBe(0)
        expect(said.every((days) => alarmDays.includes(days))).toBe(true)
      }),
      { numRuns: 50 },
    )
  })

  test('of two vaults that watch, one writes each line; a new certificate in its place begins anew', async () => {
    const { certificates, records, clock, lines, log } = open(endMs - 90 * dayMs)
    await certificates.put('bank', read('bank.crt'), 'ann')
    const watches = [watchCertificates({ records, clock, log }), watchCertificates({ records, clock, log })]
    for (let day = 0; day < 95; day += 1) {
      clock.jump(dayMs)
      await clock.advance(3_600_000)
    }
    expect(lines).toEqual([
      'warn bank a certificate expires within 60 days',
      'warn bank a certificate expires within 30 days',
      'warn bank a certificate expires within 14 days',
      'warn bank a certificate expires within 7 days',
      'warn bank a certificate expires within a day',
      'error bank a certificate has expired',
    ])
    await certificates.put('bank', read('bank.crt'), 'ann')
    await clock.advance(3_600_000)
    expect(lines).toHaveLength(7)
    for (const watch of watches) watch.close()
    expect(clock.pending).toBe(0)
  })
})
