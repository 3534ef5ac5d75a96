import { createHash } from 'node:crypto'
import type { ClientRules } from '../../runtime/core/access/clients.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Facts } from '../../runtime/core/saying.ts'
import { checkRules, problem } from '../consumers/check.ts'
import { isObject, readPointer, toPointerPart } from '../consumers/json.ts'
import { attributeName, idPattern } from '../consumers/schema-parts.ts'
import type { ConnectorMap, CredentialMap, Environment, Pointer, SubscriptionMap } from '../contract.ts'

/** A partner as its service says, in our words. */
export interface Partner {
  /** Where it is in what was fetched. */
  readonly at: string
  /** Its id over there. */
  readonly partner: string
  readonly id: string
  readonly name: string
  readonly active: boolean
  readonly rules: ClientRules
  readonly credentials: readonly PartnerCredential[]
  readonly subscriptions: readonly PartnerSubscription[]
}

export interface PartnerCredential {
  readonly at: string
  readonly kind: CredentialMap['kind']
  readonly environment: Environment
  readonly expiresAt?: string
  readonly fingerprint?: string
  readonly san?: string
  readonly issuer?: string
  readonly subject?: string
  /** Prefix of a key. */
  readonly name?: string
  /** SHA-256 of a key's secret, base64url. */
  readonly hash?: string
}

export interface PartnerSubscription {
  readonly at: string
  readonly to: SubscriptionMap['to']
  readonly id: string
  readonly plan: string
}

const problemsAtMost = 100
const partnersAtMost = 20_000
/** Of one kind of thing, of one partner. */
const entriesAtMost = 100
const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i
const ids = new RegExp(idPattern)
const attributeNames = new RegExp(attributeName)

/** Reads the pages of a fetch. All partners, or all that is wrong: nothing half. */
export function readPartners(pages: readonly unknown[], map: ConnectorMap, idPrefix: string): { readonly partners: readonly Partner[]; readonly problems: readonly Problem[] } {
  const partners: Partner[] = []
  const problems: Problem[] = []
  const seen = new Map<string, string>()
  for (const [page, value] of pages.entries()) {
    // A fetch of one page is pointed into as it is; of several the number of the page comes first.
    const base = pages.length > 1 ? `page ${page + 1}: ` : ''
    const list = readPointer(value, map.list)
    if (!Array.isArray(list)) {
      problems.push(problem(`${base}${map.list}`, list === undefined ? 'There is no list of partners.' : 'This is no list.', 'Check “list” in the map, or what the service answers.', 'partner.no_list'))
      continue
    }
    for (const [index, item] of (list as unknown[]).entries()) {
      if (problems.length >= problemsAtMost) return { partners: [], problems: problems.slice(0, problemsAtMost) }
      const at = `${base}${map.list}/${index}`
      const partner = readPartner(item, at, map, idPrefix, problems)
      if (!partner) continue
      const other = seen.get(partner.id)
      if (other !== undefined) problems.push(problem(at + map.id, `“${partner.partner}” is there twice, first at ${other}.`, 'Leave one out.', 'partner.twice', { partner: partner.partner, first: other }))
      seen.set(partner.id, at)
      partners.push(partner)
    }
    if (partners.length > partnersAtMost) return { partners: [], problems: [problem(`${base}${map.list}`, `There are more than ${partnersAtMost} partners.`, 'Let the service answer fewer, and make a connector for each part.', 'partner.too_many', { most: partnersAtMost })] }
  }
  return { partners, problems: problems.slice(0, problemsAtMost) }
}

function readPartner(item: unknown, at: string, map: ConnectorMap, idPrefix: string, problems: Problem[]): Partner | undefined {
  if (!isObject(item)) {
    problems.push(problem(at, 'This is no partner: it is no object.', 'Check “list” in the map, or what the service answers.', 'partner.no_object'))
    return undefined
  }
  const read = createReader(item, at, problems)
  const id = read.id(map.id)
  if (id === undefined) return undefined
  const cidrs = map.cidrs === undefined ? undefined : read.texts(map.cidrs, 64)
  const attributes = readAttributes(item, at, map, problems)
  const rules: ClientRules = {
    ...(cidrs && cidrs.length > 0 ? { cidrs } : {}),
    ...defined({ validFrom: read.time(map.validFrom), validUntil: read.time(map.validUntil), clearance: read.text(map.clearance, 64) }),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
  }
  for (const one of checkRules(rules, '')) {
    const { pointer = '' } = one
    const field = pointer.split('/')[1] as 'cidrs' | 'validUntil'
    problems.push({ ...one, pointer: at + pointer.replace(`/${field}`, map[field] ?? '') })
  }
  return {
    at,
    partner: id,
    id: toId(id, idPrefix),
    name: read.text(map.name, 120) ?? id.slice(0, 120),
    active: read.flag(map.active) ?? true,
    rules,
    credentials: (map.credentials ?? []).flatMap((one) => entries(item, at, one.each, problems).flatMap(({ value, where }) => readCredential(value, where, one, problems))),
    subscriptions: (map.subscriptions ?? []).flatMap((one) => entries(item, at, one.each, problems).flatMap(({ value, where }) => readSubscription(value, where, one, problems))),
  }
}

/** An id that we take. One that had to be bent gets a few letters of its own, so that two never become one. */
function toId(id: string, prefix: string): string {
  const plain = `${prefix}${id}`
  if (ids.test(plain)) return plain
  const slug = `${prefix}${id.normalize('NFKD').toLowerCase().replace(/[^a-z0-9._-]+/g, '-')}`.replace(/^[^a-z0-9]+/, '').slice(0, 52)
  return `${slug}${slug === '' ? 'p' : '-'}${createHash('sha256').update(id).digest('hex').slice(0, 10)}`
}

function readAttributes(item: unknown, at: string, map: ConnectorMap, problems: Problem[]): Record<string, string> {
  const attributes: Record<string, string> = {}
  const put = (name: string, value: unknown, where: string) => {
    if (value === undefined || value === null) return
    if (typeof value === 'object') return void problems.push(problem(where, 'An attribute is one text, number, true or false.', 'Point at a value, not at a list or an object.', 'partner.attribute_kind'))
    const text = String(value)
    if (text.length > 1000 || text.includes('\u0000')) return void problems.push(problem(where, 'An attribute has at most 1,000 characters.', 'Leave it out of the map, or shorten it there.', 'partner.attribute_long'))
    Object.defineProperty(attributes, name, { value: text, enumerable: true, configurable: true, writable: true })
  }
  const all = map.attributesFrom === undefined ? undefined : readPointer(item, map.attributesFrom)
  if (all !== undefined && all !== null) {
    if (!isObject(all)) problems.push(problem(at + (map.attributesFrom ?? ''), 'This is no object of attributes.', 'Check “attributesFrom” in the map.', 'partner.attributes_kind'))
    else {
      for (const [name, value] of Object.entries(all)) {
        const where = `${at}${map.attributesFrom ?? ''}/${toPointerPart(name)}`
        if (attributeNames.test(name)) put(name, value, where)
        else problems.push(problem(where, `“${name}” is no name of an attribute.`, 'Begin with a letter; letters, digits and . _ - follow. Else name the attributes one by one in the map.', 'partner.attribute_name', { name }))
      }
    }
  }
  for (const [name, pointer] of Object.entries(map.attributes ?? {})) put(name, readPointer(item, pointer), at + pointer)
  if (Object.keys(attributes).length > 100) problems.push(problem(at, 'A partner has at most 100 attributes.', 'Name those that flows need in the map.', 'partner.attributes_many'))
  return attributes
}

/** The entries of a list, the one value that is no list, or the partner itself. */
function entries(item: unknown, at: string, each: Pointer | undefined, problems: Problem[]): { readonly value: unknown; readonly where: string }[] {
  if (each === undefined) return [{ value: item, where: at }]
  const value = readPointer(item, each)
  const where = at + each
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return [{ value, where }]
  if (value.length > entriesAtMost) {
    problems.push(problem(where, `There are more than ${entriesAtMost} entries.`, 'Leave out those that are not needed.', 'partner.entries_many', { most: entriesAtMost }))
    return []
  }
  return (value as unknown[]).map((one, index) => ({ value: one, where: `${where}/${index}` }))
}

function readCredential(item: unknown, at: string, map: CredentialMap, problems: Problem[]): PartnerCredential[] {
  const before = problems.length
  const read = createReader(item, at, problems)
  const environment = map.environment ?? read.text(map.environmentAt, 64) ?? 'production'
  if (environment !== 'production' && environment !== 'sandbox') problems.push(problem(at + (map.environmentAt ?? ''), `“${environment}” is neither production nor sandbox.`, 'Send one of them.', 'partner.environment', { text: environment }))
  const common = { at, kind: map.kind, environment: environment as PartnerCredential['environment'], ...defined({ expiresAt: read.time(map.expiresAt) }) }
  const own = readOwn(read, map, at, problems)
  // Nothing there: this partner has no credential of this kind.
  return own === undefined || problems.length > before ? [] : [{ ...common, ...own }]
}

function readOwn(read: Reader, map: CredentialMap, at: string, problems: Problem[]): Partial<PartnerCredential> | undefined {
  switch (map.kind) {
    case 'certificate': {
      if (map.san !== undefined) {
        const san = read.text(map.san, 255)
        return san === undefined ? undefined : { san }
      }
      const text = read.text(map.fingerprint, 200)?.replaceAll(':', '').toLowerCase()
      if (text !== undefined && !/^[0-9a-f]{64}$/.test(text)) problems.push(problem(at + (map.fingerprint ?? ''), 'This is no SHA-256 fingerprint.', 'Send 64 hexadecimal digits, with or without colons.', 'partner.no_fingerprint'))
      return text === undefined ? undefined : { fingerprint: text }
    }
    case 'jwt': {
      const [issuer, subject] = [map.issuer ?? read.text(map.issuerAt, 500), read.text(map.subject, 500)]
      return issuer === undefined || subject === undefined ? undefined : { issuer, subject }
    }
    case 'key': {
      const [name, text] = [read.text(map.prefix, 64), read.text(map.hash, 100)]
      if (name === undefined || text === undefined) return undefined
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) problems.push(problem(at + (map.prefix ?? ''), 'This is no prefix of a key.', 'Letters, digits, - and _, up to 64.', 'partner.key_prefix'))
      const hash = toHash(text)
      if (hash === undefined) problems.push(problem(at + (map.hash ?? ''), 'This is no SHA-256.', 'Send 64 hexadecimal digits, or 32 bytes as base64 or base64url.', 'partner.no_hash'))
      return { name, hash: hash ?? '' }
    }
  }
}

/** 32 bytes, however they are written, as base64url. */
function toHash(text: string): string | undefined {
  const bytes = /^[0-9A-Fa-f]{64}$/.test(text) ? Buffer.from(text, 'hex') : /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
  return bytes?.length === 32 ? bytes.toString('base64url') : undefined
}

function readSubscription(item: unknown, at: string, map: SubscriptionMap, problems: Problem[]): PartnerSubscription[] {
  const read = createReader(item, at, problems)
  const id = read.text(map.id ?? '', 64)
  if (id === undefined) return []
  const plan = (map.plan === undefined ? undefined : read.text(map.plan, 64)) ?? map.defaultPlan
  if (plan === undefined) {
    problems.push(problem(at + (map.plan ?? ''), 'There is no plan here, and the map has no default.', 'Add a plan there, or “defaultPlan” to the map.', 'partner.no_plan'))
    return []
  }
  return [{ at, to: map.to, id, plan }]
}

type Reader = ReturnType<typeof createReader>
/** Message, remedy, code and facts of a problem. */
type SaidOfPlace = [message: string, remedy: string, code: string, facts?: Facts]

/** Reads values of one object; what is not there, or null, is `undefined`, and what is something else is a problem. */
function createReader(item: unknown, at: string, problems: Problem[]) {
  const wrong = (pointer: Pointer, ...said: SaidOfPlace) => {
    problems.push(problem(at + pointer, ...said))
    return undefined
  }
  const text = (pointer: Pointer | undefined, maxLength: number): string | undefined => {
    const value = pointer === undefined ? undefined : readPointer(item, pointer)
    if (pointer === undefined || value === undefined || value === null || value === '') return undefined
    if (typeof value !== 'string' && typeof value !== 'number') return wrong(pointer, 'This is no text.', 'Check the map, or what the service answers.', 'partner.no_text')
    const found = String(value)
    if (found.length > maxLength) return wrong(pointer, `This is longer than ${maxLength} characters.`, 'Shorten it there.', 'partner.too_long', { most: maxLength })
    // eslint-disable-next-line no-control-regex -- control characters are what is kept out
    if (/[\u0000-\u001f\u007f]/.test(found)) return wrong(pointer, 'This holds control characters.', 'Take them out there.', 'partner.control_characters')
    return found
  }
  return {
    text,
    id(pointer: Pointer): string | undefined {
      const before = problems.length
      const found = text(pointer, 200)
      if (found === undefined && problems.length === before) wrong(pointer, 'The partner has no id.', 'Check “id” in the map, or what the service answers.', 'partner.no_id')
      return found
    },
    flag(pointer: Pointer | undefined): boolean | undefined {
      const value = pointer === undefined ? undefined : readPointer(item, pointer)
      if (pointer === undefined || value === undefined || value === null) return undefined
      return typeof value === 'boolean' ? value : wrong(pointer, 'This is neither true nor false.', 'Check the map, or what the service answers.', 'partner.no_flag')
    },
    time(pointer: Pointer | undefined): string | undefined {
      const found = text(pointer, 64)
      if (found === undefined || (dateTime.test(found) && !Number.isNaN(Date.parse(found)))) return found
      return wrong(pointer ?? '', `“${found}” is no time.`, 'Write it as 2026-01-31T00:00:00Z (RFC 3339).', 'partner.no_time', { text: found })
    },
    texts(pointer: Pointer, maxLength: number): string[] | undefined {
      const value = readPointer(item, pointer)
      if (value === undefined || value === null) return undefined
      const list = Array.isArray(value) ? (value as unknown[]) : [value]
      if (list.length > 1000) return wrong(pointer, 'There are more than 1,000 entries.', 'Leave out those that are not needed.', 'partner.entries_many', { most: 1000 })
      const found: string[] = []
      for (const [index, one] of list.entries()) {
        if (typeof one === 'string' && one.length <= maxLength) found.push(one.trim())
        else wrong(Array.isArray(value) ? `${pointer}/${index}` : pointer, 'This is no text.', 'Check the map, or what the service answers.', 'partner.no_text')
      }
      return [...new Set(found)]
    },
  }
}

function defined<T extends object>(values: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Key in keyof T]?: NonNullable<T[Key]> }
}
