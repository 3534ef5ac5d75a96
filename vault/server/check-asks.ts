import { fault } from '../../runtime/core/fault.ts'
import type { VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'

/** Values of one ask. */
export const valueLimitBytes = 4 * 1024 * 1024
const mostAsks = 20_000
const longestName = 256
const longestToken = 8 * 1024 * 1024

type Kind = 'name' | 'value' | 'token' | 'text' | 'boolean' | 'number'

/** What each ask must have, and may have. */
const shapes: Readonly<Record<VaultAsk['do'], { readonly must: Readonly<Record<string, Kind>>; readonly may: Readonly<Record<string, Kind>> }>> = {
  tokenize: { must: { domain: 'name', mode: 'name', value: 'value' }, may: { json: 'boolean', keepLast: 'number', same: 'boolean', ttlS: 'number', subject: 'text' } },
  verify: { must: { domain: 'name', token: 'token', value: 'value' }, may: { json: 'boolean' } },
  reveal: { must: { domain: 'name', token: 'token' }, may: {} },
  encrypt: { must: { key: 'name', form: 'name', data: 'value' }, may: { aad: 'value', contentType: 'text', keyManagement: 'name' } },
  decrypt: { must: { key: 'name', form: 'name', data: 'token' }, may: { aad: 'value' } },
  sign: { must: { key: 'name', form: 'name', data: 'value' }, may: { algorithm: 'name', contentType: 'text' } },
  check: { must: { key: 'name', form: 'name', data: 'token' }, may: { algorithm: 'name', signature: 'token', version: 'number' } },
}

/**
 * The asks of a request, and, by their place, answers to those that cannot be passed on: others that travel with them are not to pay for it.
 * @throws Fault `request.malformed` when it is no list of asks at all
 */
export function checkAsks(body: unknown): { readonly asks: readonly VaultAsk[]; readonly refused: ReadonlyMap<number, VaultAnswer> } {
  const asks = (body as { asks?: unknown } | null | undefined)?.asks
  if (!Array.isArray(asks) || asks.length > mostAsks) throw fault('request.malformed', { reason: `“asks” must be a list of up to ${mostAsks}` })
  const refused = new Map<number, VaultAnswer>()
  for (const [place, ask] of asks.entries()) {
    const answer = whyNot(ask)
    if (answer) refused.set(place, answer)
  }
  return { asks: asks as readonly VaultAsk[], refused }
}

function whyNot(ask: unknown): VaultAnswer | undefined {
  if (typeof ask !== 'object' || ask === null) return wrong('it is no object')
  const given = ask as Readonly<Record<string, unknown>>
  const shape = typeof given.do === 'string' && Object.hasOwn(shapes, given.do) ? shapes[given.do as VaultAsk['do']] : undefined
  if (!shape) return wrong('nothing is known by the name in “do”')
  for (const name in shape.must) {
    const answer = look(name, given[name], shape.must[name] as Kind)
    if (answer) return answer
  }
  const owner = given.organisation === undefined ? undefined : look('organisation', given.organisation, 'name')
  if (owner) return owner
  for (const name in shape.may) {
    const value = given[name]
    const answer = value === undefined ? undefined : look(name, value, shape.may[name] as Kind)
    if (answer) return answer
  }
  if (given.viewer !== undefined && 'key' in shape.must && !isViewer(given.viewer, 'verify')) return wrong('“viewer” does not say who asks')
  if ((given.do === 'reveal' || given.do === 'verify') && !isViewer(given.viewer, given.do)) return wrong('“viewer” does not say who asks')
  return undefined
}

function look(name: string, value: unknown, kind: Kind): VaultAnswer | undefined {
  if (kind === 'boolean' || kind === 'number') return typeof value === kind ? undefined : wrong(`“${name}” must be a ${kind}`)
  if (typeof value !== 'string') return wrong(`“${name}” must be a text`)
  if (kind === 'name') return value.length > 0 && value.length <= longestName ? undefined : wrong(`“${name}” must have 1 to ${longestName} characters`)
  if (kind === 'text') return value.length <= 4096 ? undefined : wrong(`“${name}” must have up to 4096 characters`)
  // No text has fewer bytes than UTF-16 units.
  if (kind === 'token') return value.length <= longestToken ? undefined : tooLarge(longestToken)
  return value.length <= valueLimitBytes && (value.length * 3 <= valueLimitBytes || Buffer.byteLength(value) <= valueLimitBytes) ? undefined : tooLarge(valueLimitBytes)
}

function isViewer(viewer: unknown, asks: 'reveal' | 'verify'): boolean {
  if (typeof viewer !== 'object' || viewer === null) return false
  const given = viewer as Readonly<Record<string, unknown>>
  const must = (name: string) => typeof given[name] === 'string' && given[name].length <= 512
  const may = (name: string) => given[name] === undefined || given[name] === null || must(name)
  return ['run', 'flow', 'node'].every(must) && ['client', 'clearance', 'organisation'].every(may) && (asks === 'verify' ? may : must)('purpose')
}

function wrong(reason: string): VaultAnswer {
  return { fault: 'request.malformed', facts: { reason: `an ask of the vault is wrong: ${reason}` } }
}

function tooLarge(limitBytes: number): VaultAnswer {
  return { fault: 'vault.too_large', facts: { limitBytes } }
}
