import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DeployRefused } from '../kit/admin-client.ts'
import { startEstate, startEstateWith, type Estate } from '../kit/estate.ts'
import { flow } from '../kit/flow-builder.ts'

const version = (n: number) => flow('live').httpIn('GET', '/live').fn(`msg.payload = "version ${n}"\nreturn msg`).httpResponse().nodes()

test('a data folder that cannot be written is named with its setting, and nothing is left running', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-no-folder-'))
  writeFileSync(join(folder, 'file'), 'in the way')
  const dataDir = join(folder, 'file', 'data')
  const failure = await startEstate({ dataDir }).then(
    () => 'it started',
    (error: Error) => error.message,
  )
  rmSync(folder, { recursive: true, force: true })
  expect(failure).toContain(dataDir)
  expect(failure).toContain('SLUICE_DATA_DIR')
  expect(failure).not.toMatch(/at .*\.ts:\d+/)
})

// A process whose files may not grow meets the same failing writes as one on a full disk (setrlimit(2), RLIMIT_FSIZE).
describe.skipIf(process.platform !== 'linux')('a disk that is full', () => {
  let estate: Estate
  beforeAll(async () => {
    estate = await startEstateWith(version(1))
  })
  afterAll(() => estate?.stop())

  test.each([
    ['the gateways', 2, () => estate.pids.gateways],
    ['control', 4, () => [estate.pids.control]],
    ['the whole machine', 6, () => [estate.pids.control, ...estate.pids.gateways]],
  ] as const)('of %s: a deploy says so and changes nothing, the live release keeps serving, and with room again the next deploy goes live', async (_whose, next, pids) => {
    const call = async () => (await fetch(`http://127.0.0.1:${estate.gatewayPort}/live`)).text()
    const before = await call()
    for (const pid of pids()) limitFiles(pid, '1')
    const refused = await estate.admin.deploy(version(next)).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(refused).toBeInstanceOf(DeployRefused)
    expect((refused as DeployRefused).message).toMatch(/disk|full|space|written/i)
    for (let count = 0; count < 20; count++) expect(await call()).toBe(before)

    for (const pid of pids()) limitFiles(pid, 'unlimited')
    await estate.admin.deploy(version(next + 1))
    expect(await call()).toBe(`version ${next + 1}`)
  })
})

function limitFiles(pid: number, bytes: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}
