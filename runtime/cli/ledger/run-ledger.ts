import { createReadStream } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { LedgerInfo, LedgerVerdict } from '../../../control/contract.ts'
import { readAnchorFile } from '../../../control/ledgers/anchors.ts'
import { keyIdOf, toPublicKeys, type PublicKeys } from '../../../ledger/period-root.ts'
import { checkProof, type LedgerProof } from '../../../ledger/proof.ts'
import { verifyExport, type ExportHead } from '../../../ledger/read-export.ts'
import { toReason, toSaid, type Said } from '../../../ledger/sayings.ts'
import { readTimestamp } from '../../../ledger/timestamp.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import { toColumns } from '../records/print.ts'
import type { LedgerClient } from './client.ts'

/** `sluice ledger list`. */
export async function runLedgerList(client: LedgerClient, output: Output): Promise<void> {
  const items = await client.list()
  const rows = items.map((one) => [one.name, one.organisation ?? '-', String(one.entries), one.lastPeriod ? String(one.lastPeriod.period) : '-', String(one.open), toState(one)])
  const witnesses = await client.witnesses()
  for (const { anchor, waiting, away } of witnesses) {
    if (away) output.note(`${anchor} has taken no roots since ${away.since}; ${waiting} wait, and it is asked again at ${away.nextTryAt}. ${away.problem}`)
  }
  output.result(items.length === 0 ? 'No ledgers.' : toColumns(['LEDGER', 'ORGANISATION', 'ENTRIES', 'PERIODS', 'NOT SIGNED YET', 'STATE'], rows), { items, witnesses })
}

function toState({ problem, anchors }: LedgerInfo): string {
  if (problem !== undefined) return problem
  const troubled = anchors.find((anchor) => anchor.problem !== undefined)
  return troubled ? `${troubled.anchor}: ${troubled.problem} (${troubled.waiting} waiting)` : 'well'
}

/** Entries of a request: seconds of work for control. */
const partEntries = 100_000

interface VerifyOptions {
  readonly from?: string
  readonly to?: string
  readonly entry?: string
  readonly file?: string
  readonly key?: readonly string[]
  readonly anchors?: readonly string[]
}

/** `sluice ledger verify`: fails at the first record, of the first ledger, that is not as it was written. */
export async function runLedgerVerify(client: LedgerClient | undefined, name: string | undefined, options: VerifyOptions, output: Output): Promise<void> {
  const range = { from: toNumber(options.from, '--from'), to: toNumber(options.to, '--to') }
  const verdicts: LedgerVerdict[] = []
  if (options.entry !== undefined) return await verifyEntry(client, name, options, output)
  if (client) {
    const names = name === undefined ? (await client.list()).map((ledger) => ledger.name) : [name]
    for (const one of names) verdicts.push(range.from === undefined && range.to === undefined ? await verifyWhole(client, one, output) : await client.verify(one, range))
  } else {
    verdicts.push(await verifyFile(options, range, output))
  }
  for (const verdict of verdicts) if (verdict.flaw) throw new CommandFailed(toComplaint(verdict), { verdicts })
  output.result(verdicts.length === 0 ? 'No ledgers.' : verdicts.map(toPraise).join('\n'), { ok: true, verdicts })
}

/** One entry: the periods that hold it are read, and its proof is held against the key, as whoever takes it away does. */
async function verifyEntry(client: LedgerClient | undefined, name: string | undefined, { entry, from, to, key }: VerifyOptions, output: Output): Promise<void> {
  const number = toNumber(entry, '--entry') as number
  if (!client || name === undefined) throw new CommandFailed('--entry asks a running control, and needs the name of a ledger. Of a file, take a range.', {}, exitCodes.usage)
  if (from !== undefined || to !== undefined) throw new CommandFailed('Give --entry, or a range, not both.', {}, exitCodes.usage)
  const proof = await client.prove(name, number)
  const verdict = await client.verify(name, { from: number, to: number })
  if (verdict.flaw) throw new CommandFailed(toComplaint(verdict), { verdicts: [verdict] })
  const { says } = hold(proof, (await readKeys(key)) ?? toPublicKeys([(await client.key()).publicKey]))
  output.result(toText(says), { ok: true, says, proof })
}

/** A part at a time where one answer would be long in coming; the last part is open, and holds the end against what control knows of it. */
async function verifyWhole(client: LedgerClient, name: string, output: Output): Promise<LedgerVerdict> {
  const { entries } = await client.get(name)
  if (entries <= partEntries) return await client.verify(name, {})
  let whole: LedgerVerdict | undefined
  for (let first = 1; ; first = (whole?.to ?? 0) + 1) {
    const last = first + partEntries - 1 < entries ? first + partEntries - 1 : undefined
    const part = await client.verify(name, { from: first, to: last })
    whole = whole ? joined(whole, part) : part
    if (part.flaw || last === undefined) return whole
    output.note(`${name}: record ${whole.to} of ${entries}`)
  }
}

function joined(before: LedgerVerdict, part: LedgerVerdict): LedgerVerdict {
  const remarks = [...(before.remarks ?? []), ...(part.remarks ?? [])]
  return { ...part, from: before.from, to: Math.max(before.to, part.to), periods: before.periods + part.periods, ...(remarks.length > 0 ? { remarks } : {}) }
}

async function verifyFile({ file = '', key, anchors = [] }: VerifyOptions, range: { readonly from: number | undefined; readonly to: number | undefined }, output: Output): Promise<LedgerVerdict> {
  const keys = await readKeys(key)
  const receipts = (await Promise.all(anchors.map((path) => readAnchorFile(path)))).flat()
  if (anchors.length > 0 && receipts.length === 0) throw new CommandFailed(`${anchors.join(', ')} holds no roots.`, {}, exitCodes.usage)
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  if (!keys) output.note(`No key was given: the file is held against the key it names itself, ${await keyInside(file)}. Compare that with one you have from elsewhere.`)
  try {
    return await verifyExport(lines, { ...(keys ? { keys } : {}), receipts, ...range })
  } catch (thrown) {
    throw new CommandFailed(`${file} cannot be verified: ${reasonOf(thrown)}`, {})
  }
}

async function keyInside(file: string): Promise<string> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  try {
    for await (const line of lines) return keyIdOf((JSON.parse(line) as ExportHead).publicKey)
  } catch {
    // whoever reads the file says what is wrong with it
  } finally {
    lines.close()
  }
  return 'unknown'
}

function toPraise({ ledger, to, from, periods, open, receipts, head, remarks = [] }: LedgerVerdict): string {
  if (to === 0) return `Ledger ${ledger} is empty.`
  return `Ledger ${ledger} is whole: records ${from} to ${to} in ${periods} signed periods${open > 0 ? ` and ${open} not signed yet` : ''}, ${[`${receipts} receipts of witnesses fit, head ${head}.`, ...remarks.map(({ text }) => text)].join(' ')}`
}

function toComplaint({ ledger, flaw }: LedgerVerdict): string {
  const place = flaw?.last !== undefined && flaw.last > flaw.number ? `between record ${flaw.number} and record ${flaw.last}` : `record ${flaw?.number}`
  return `Ledger ${ledger} was altered: the first place is ${place}${flaw?.period === undefined ? '' : `, period ${flaw.period}`}. ${flaw?.reason} ${flaw?.remedy}`
}

/** `sluice ledger prove`. */
export async function runLedgerProve(client: LedgerClient, name: string, number: string, { out }: { readonly out?: string }, output: Output): Promise<void> {
  await writeProof(await client.prove(name, toNumber(number, 'The number') ?? 0), out, output)
}

/** `sluice ledger prove-growth`. */
export async function runLedgerProveGrowth(client: LedgerClient, name: string, from: string, to: string | undefined, { out }: { readonly out?: string }, output: Output): Promise<void> {
  await writeProof(await client.proveGrowth(name, toNumber(from, 'A period') ?? 0, toNumber(to, 'A period')), out, output)
}

async function writeProof(proof: LedgerProof, out: string | undefined, output: Output): Promise<void> {
  const text = `${JSON.stringify(proof, undefined, 2)}\n`
  if (out === undefined) return output.result(text.trimEnd(), { ...proof })
  await writeFile(out, text).catch((thrown: NodeJS.ErrnoException) => {
    throw new CommandFailed(`${out} cannot be written (${thrown.code}).`)
  })
  output.result(`The proof is in ${out}. Check it anywhere with: sluice ledger check ${out} --key <public key>`, { file: out })
}

/** `sluice ledger check`: needs no control and no network. */
export async function runLedgerCheck(file: string, { key, tsa = [] }: { readonly key?: readonly string[]; readonly tsa?: readonly string[] }, output: Output): Promise<void> {
  let proof: LedgerProof
  try {
    proof = JSON.parse(await readFile(file, 'utf8')) as LedgerProof
  } catch (thrown) {
    throw new CommandFailed(`${file} cannot be read: ${reasonOf(thrown)}`)
  }
  const given = await readKeys(key)
  const keys = given ?? insideKeys(proof)
  const verdict = hold(proof, keys)
  const says = [...verdict.says, ...(await checkTimestamps(proof, tsa))]
  if (!given) output.note(`No key was given: the proof is held against the key it brings itself, ${[...keys.keys()].join()}. Compare that with one you have from elsewhere.`)
  output.result(toText(says), { ...verdict, says })
}

/** A proof against keys. @throws CommandFailed when it does not hold */
function hold(proof: LedgerProof, keys: PublicKeys): Extract<ReturnType<typeof checkProof>, { readonly ok: true }> {
  const verdict = checkProof(proof, keys)
  if (!verdict.ok) throw new CommandFailed(`The proof does not hold. ${verdict.reason}`, { ...verdict })
  return verdict
}

const toText = (says: readonly Said[]) => says.map(({ text }) => text).join('\n')

async function checkTimestamps({ receipts }: LedgerProof, files: readonly string[]): Promise<Said[]> {
  if (files.length === 0) return []
  const certificates = await Promise.all(files.map((path) => readText(path)))
  return receipts.filter(({ kind }) => kind === 'timestamp').map(({ token = '', hash, anchor: witness, period }) => {
    const stamp = readTimestamp(Buffer.from(token, 'base64'), hash)
    if (certificates.some((certificate) => stamp.isSignedBy(certificate))) return toSaid({ code: 'proof.stamp_signed', facts: { witness, period } })
    const flaw = toReason('proof.stamp_unsigned', { witness, period })
    throw new CommandFailed(flaw.reason, { ok: false, ...flaw })
  })
}

function insideKeys(proof: LedgerProof): PublicKeys {
  try {
    return toPublicKeys([proof.publicKey])
  } catch {
    throw new CommandFailed('The proof brings no public key; give one with --key.', {}, exitCodes.usage)
  }
}

/** `sluice ledger export`. */
export async function runLedgerExport(client: LedgerClient, name: string, file: string, output: Output): Promise<void> {
  let lines = 0
  try {
    const handle = file === '-' ? undefined : await open(file, 'w', 0o600)
    try {
      let cursor: string | undefined
      do {
        const page = await client.exportPage(name, cursor)
        const text = page.lines.map((line) => `${line}\n`).join('')
        if (handle) await handle.appendFile(text)
        else process.stdout.write(text)
        lines += page.lines.length
        cursor = page.next
      } while (cursor !== undefined)
    } finally {
      await handle?.close()
    }
  } catch (thrown) {
    throw thrown instanceof CommandFailed ? thrown : new CommandFailed(`${file} cannot be written: ${reasonOf(thrown)}`)
  }
  if (file !== '-') output.result(`${lines} lines are in ${file}. Verify it anywhere with: sluice ledger verify --file ${file} --key <public key>`, { file, lines })
}

/** `sluice ledger key`. */
export async function runLedgerKey(client: LedgerClient, output: Output): Promise<void> {
  const key = await client.key()
  output.note(`Key ${key.keyId}. Keep it where control cannot change it.`)
  output.result(key.publicKey.trimEnd(), key)
}

async function readKeys(files: readonly string[] | undefined): Promise<PublicKeys | undefined> {
  if (!files) return undefined
  const pems = await Promise.all(files.map((path) => readText(path)))
  try {
    return toPublicKeys(pems)
  } catch {
    throw new CommandFailed(`${files.join(', ')} is no public key in PEM.`, {}, exitCodes.usage)
  }
}

async function readText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    throw new CommandFailed(`${path} cannot be read (${thrown.code}).`, {}, exitCodes.usage)
  })
}

function toNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new CommandFailed(`${name} is a whole number from 1 on, not “${text}”.`, {}, exitCodes.usage)
  return value
}

const reasonOf = (thrown: unknown) => (thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message
