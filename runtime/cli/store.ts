import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openStore, protectFiles } from '../../control/store/store.ts'
import { exportStore, importStore } from '../../control/store/transfer.ts'
import type { Settings } from '../settings.ts'
import { CommandFailed, type Output } from './outcome.ts'

/** `sluice store export`: JSON lines, readable by the owner only. */
export async function runExport(settings: Settings, file: string, output: Output): Promise<void> {
  const store = await openStore(settings)
  try {
    let rows = -1 // the head is no row
    const lines = async function* () {
      for await (const line of exportStore(store)) {
        rows++
        yield `${line}\n`
      }
    }
    if (file === '-') for await (const line of lines()) process.stdout.write(line)
    else {
      await pipeline(Readable.from(lines()), createWriteStream(file, { mode: 0o600 }))
      output.result(`${rows} rows written to ${file}. Node credentials in it are sealed: keep the key files of ${settings.dataDir} as well.`, { file, rows })
    }
  } finally {
    await store.close()
  }
}

/** `sluice store import`: all or nothing, into an empty store. */
export async function runImport(settings: Settings, file: string, output: Output): Promise<void> {
  const input = createReadStream(file)
  await new Promise<void>((open, failed) => {
    input.once('open', () => open())
    input.once('error', (error: NodeJS.ErrnoException) => failed(new CommandFailed(`${file} could not be read (${error.code ?? error.message}).`, { file })))
  })
  const store = await openStore(settings)
  try {
    protectFiles(settings.dataDir)
    const { rows } = await importStore(store, createInterface({ input, crlfDelay: Infinity }))
    const keys = settings.credentialKey === undefined ? ['credentials.key', 'release.key'] : ['release.key']
    const missing = keys.filter((key) => !existsSync(join(settings.dataDir, key)))
    // Without them control makes new ones, and gateways refuse releases that another key has signed.
    const before = missing.length > 0 ? ` Before the start, copy ${missing.join(' and ')} from the old data folder into ${settings.dataDir}: releases are signed and node credentials sealed with them.` : ''
    output.result(`${rows} rows read from ${file}.${before}`, { file, rows, missingKeys: missing })
  } finally {
    await store.close()
  }
}
