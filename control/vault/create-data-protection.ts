import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Domain, Grant, Key, Reveal, VaultDesk } from '../../vault/contract.ts'
import type { Audit, AuditFacts } from '../audit.ts'
import { invalid, problem } from '../consumers/check.ts'
import { bodyOf } from '../consumers/kind.ts'
import type { Access } from '../consumers/rights.ts'
import { owns } from '../consumers/sees.ts'
import { Refused, type Actor, type ClientApplication, type DataProtection, type GrantInput, type KnownGrant, type Right } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { createPublishedSets } from './published-sets.ts'
import { csvHead, toCsvLine } from './to-csv.ts'

export interface DataProtectionParts {
  readonly store: Pick<Store, 'consumers' | 'documents' | 'transaction'>
  readonly audit: Pick<Audit, 'add'>
  readonly clock: Clock
  readonly log: Log
  access(by: Actor): Promise<Access>
  /** Absent: this installation has no vault. */
  readonly desk?: VaultDesk | undefined
  /** The same, asked by what only shows a part of it: it starts no vault and waits for none long. Absent: `desk`. */
  readonly quiet?: VaultDesk | undefined
  /** Whether a vault was needed here, so that one which does not answer is amiss. Absent: yes. */
  readonly awake?: (() => boolean) | undefined
  /** Makes marks of data subjects; 32 bytes. */
  readonly markKey: Uint8Array
}

const requests = 'vault/grant-requests/'
const pageLimit = 200
const csvPage = 1000
const markCharacters = 24

/** What the admin API and the pages see of the vault. */
export function createDataProtection({ store, audit, clock, log, access, desk, quiet = desk, awake = () => true, markKey }: DataProtectionParts): DataProtection {
  function vault(): VaultDesk {
    if (!desk) throw new Refused('vault.none', 503, 'This installation has no vault. Start one with `sluice vault` and name it to control with SLUICE_VAULT_URL.')
    return desk
  }

  async function allow(right: Right, by: Actor): Promise<Access> {
    const held = await access(by)
    if (!held.everywhere.has(right)) throw new Refused('auth.role', 403, right === 'reveals.read' ? 'Only auditors and administrators may read who saw what.' : 'Only data officers and administrators may do this.')
    return held
  }

  /** Does something in the vault and writes down that it was done; of what was broken off, that nobody knows. */
  async function act<T>(by: Actor, action: string, subject: string, run: (vault: VaultDesk) => Promise<T>, facts: (done: T) => Omit<AuditFacts, 'subject'> & { readonly detail?: Readonly<Record<string, unknown>> }, organisation?: string): Promise<T> {
    await allow('vault.write', by)
    const write = (detail: Readonly<Record<string, unknown>>, more: AuditFacts = {}) => audit.add(by, `vault.${action}`, detail, undefined, { subject: `vault/${subject}`, ...(organisation === undefined ? {} : { organisation }), ...more })
    let done: T
    try {
      done = await run(vault())
    } catch (thrown) {
      if ((thrown as { unknown?: boolean }).unknown === true) await write({ outcome: 'unknown' })
      throw thrown
    }
    const { detail = {}, ...more } = facts(done)
    try {
      await write(detail, more)
    } catch (thrown) {
      log.error({ action, subject, user: by.name }, 'the vault was changed, and the audit log could not be written')
      throw thrown
    }
    return done
  }

  /** Of a list of few; the vault keeps no other door to one of them. @throws Refused `code` 404 */
  async function findIn<T extends { readonly name: string }>(list: Promise<readonly T[]>, name: string, code: string, none = `The vault has none of the name “${name}”.`): Promise<T> {
    const found = (await list).find((one) => one.name === name)
    if (!found) throw new Refused(code, 404, none)
    return found
  }

  async function find(name: string): Promise<Domain> {
    return await findIn(vault().domains.list(), name, 'domain.unknown', `The vault has no domain “${name}”.`)
  }

  function known(grant: Grant): KnownGrant {
    return { ...grant, state: grant.until !== undefined && Date.parse(grant.until) <= clock.now() ? 'expired' : 'active' }
  }

  async function requested(): Promise<KnownGrant[]> {
    const rows = await Promise.all((await store.documents.list(requests)).map((key) => store.documents.get(key)))
    return rows.flatMap((row) => (row ? [JSON.parse(row.value) as KnownGrant] : []))
  }

  async function applicationsOf(grants: readonly Grant[]): Promise<ReadonlyMap<string, ConsumerRow>> {
    const ids = [...new Set(grants.map(({ client }) => client))]
    const rows = ids.length === 0 ? [] : await store.consumers.byIds('applications', ids)
    return new Map(rows.map((row) => [row.id, row]))
  }

  async function listGrants({ application, domain }: { readonly application?: string; readonly domain?: string }, by: Actor, of = desk): Promise<readonly KnownGrant[]> {
    const held = await access(by)
    const sees = (row: ConsumerRow | undefined) => row !== undefined && (held.organisations.get(row.organisation ?? '')?.has('records.read') === true || owns(held, row))
    const anything = held.everywhere.has('vault.read') || held.organisations.size > 0
    if (!anything) return []
    const wanted = [...(await (of ?? vault()).grants.list()).map(known), ...(await requested())].filter((one) => (application === undefined || one.client === application) && (domain === undefined || one.domain === domain))
    const rows = await applicationsOf(wanted)
    const all = held.everywhere.has('vault.read')
    return wanted.flatMap((one) => {
      const row = rows.get(one.client)
      if (!all && !sees(row)) return []
      return [row ? { ...one, application: toApplication(row) } : one]
    })
  }

  /** The application, when a grant of this kind makes sense. @throws Refused `record.invalid` 422 */
  async function checkGrant({ domain, client, purpose, until }: GrantInput): Promise<ConsumerRow> {
    const [[row], domains] = await Promise.all([store.consumers.byIds('applications', [client]), vault().domains.list()])
    const found = domains.find((one) => one.name === domain)
    const problems = [
      ...(row && row.retired_at === null ? [] : [problem('/client', `There is no application “${client}”.`, 'Name one by its id.')]),
      ...(found?.state === 'active' ? [] : [problem('/domain', `The vault has no domain “${domain}”${found ? ': it was shredded' : ''}.`, 'Make the domain first, or name another one.')]),
      ...(found?.state === 'active' && !found.purposes.includes(purpose) ? [problem('/purpose', `“${purpose}” is no purpose of the domain.`, found.purposes.length > 0 ? `Its purposes are ${found.purposes.join(', ')}.` : 'Give the domain the purpose first.')] : []),
      ...(until !== undefined && !(Date.parse(until) > clock.now()) ? [problem('/until', 'It ends before it begins.', 'Send a later time, or leave it out.')] : []),
    ]
    if (problems.length > 0 || !row) throw invalid(problems)
    return row
  }

  async function wantsFourEyes(row: ConsumerRow): Promise<boolean> {
    const [organisation] = row.organisation === null ? [] : await store.consumers.byIds('organisations', [row.organisation])
    return organisation !== undefined && (JSON.parse(organisation.body) as { fourEyes?: boolean }).fourEyes === true
  }

  async function addGrant(input: GrantInput, row: ConsumerRow, by: Actor, asked?: KnownGrant): Promise<KnownGrant> {
    return known(await act(by, 'grants.add', 'grants', (desk) => desk.grants.add(input, by.name), (after) => ({ after, detail: { grant: after.id, ...(asked ? { requestedBy: asked.by } : {}) } }), row.organisation ?? undefined))
  }

  return {
    async status(by) {
      await allow('vault.read', by)
      return await vault().status()
    },
    rotateMasterKey: (by) => act(by, 'master_key.rotate', 'master-key', (desk) => desk.rotateMasterKey(by.name), ({ masterKey }) => ({ detail: { id: masterKey.id } })),
    domains: {
      async list(by) {
        await allow('vault.read', by)
        return await vault().domains.list()
      },
      async get(name, by) {
        await allow('vault.read', by)
        return await find(name)
      },
      async create(name, part, by) {
        await allow('vault.write', by)
        if ((await vault().domains.list()).some((one) => one.name === name)) throw new Refused('domain.exists', 409, `There is a domain “${name}” already. What was shredded keeps its name.`)
        return await act(by, 'domains.create', `domains/${name}`, (desk) => desk.domains.put(name, part, by.name, 'none'), (after) => ({ after: toAudited(after) }))
      },
      async change(name, part, by, expected) {
        await allow('vault.write', by)
        const before = await find(name)
        if (before.state === 'shredded') throw new Refused('domain.shredded', 410, `The domain “${name}” was shredded.`)
        return await act(by, 'domains.change', `domains/${name}`, (desk) => desk.domains.put(name, part, by.name, expected), (after) => ({ before: toAudited(before), after: toAudited(after) }))
      },
      rotate: (name, by) => act(by, 'domains.rotate', `domains/${name}`, (desk) => desk.domains.rotate(name, by.name), ({ keyVersion }) => ({ detail: { keyVersion } })),
      async shred(name, confirm, by, expected) {
        await allow('vault.write', by)
        const before = await find(name)
        if (confirm !== name) throw new Refused('vault.confirm', 422, `Nothing was done: type the name “${name}” to confirm.`, [problem('/confirm', 'This is not the name.', `Type ${name}.`)])
        return await act(by, 'domains.shred', `domains/${name}`, (desk) => desk.domains.shred(name, by.name, expected), (after) => ({ before: toAudited(before), after: toAudited(after) }))
      },
      async shredSubject(name, subject, by) {
        // Who the subject is must not stand in a record that nobody can take it out of.
        const mark = createHmac('sha256', markKey).update(`${name}\u0000${subject}`).digest('base64url').slice(0, markCharacters)
        const { shredded } = await act(by, 'domains.shred_subject', `domains/${name}`, (desk) => desk.domains.shredSubject(name, subject, by.name), (done) => ({ detail: { subject: mark, shredded: done.shredded } }))
        return { shredded, mark }
      },
    },
    grants: {
      list: listGrants,
      async peek(application, by) {
        if (!quiet) return undefined
        try {
          return await listGrants({ application }, by, quiet)
        } catch (thrown) {
          if ((thrown as Partial<Refused>).code === 'vault.unavailable' && !awake()) return undefined
          throw thrown
        }
      },
      async add(input, by) {
        await allow('vault.write', by)
        const row = await checkGrant(input)
        if (!(await wantsFourEyes(row))) return await addGrant(input, row, by)
        const request: KnownGrant = { ...input, id: `request-${randomBytes(9).toString('base64url')}`, state: 'requested', by: by.name, createdAt: new Date(clock.now()).toISOString() }
        await store.transaction(async (tables) => {
          await tables.documents.set(requests + request.id, JSON.stringify(request), request.createdAt)
          await audit.add(by, 'vault.grants.request', { grant: request.id }, tables, { subject: 'vault/grants', after: request, ...(row.organisation === null ? {} : { organisation: row.organisation }) })
        })
        return request
      },
      async decide(id, agree, by) {
        await allow('vault.write', by)
        const asked = (await requested()).find((one) => one.id === id)
        if (!asked) throw new Refused('grant.unknown', 404, 'Nobody asks for this grant; perhaps somebody has decided already.')
        if (agree && asked.by === by.name) throw new Refused('grant.four_eyes', 403, 'The organisation wants a second person to agree.')
        const [row] = await store.consumers.byIds('applications', [asked.client])
        if (!agree) {
          await store.transaction(async (tables) => {
            await tables.documents.remove(requests + id)
            await audit.add(by, 'vault.grants.turn_down', { grant: id }, tables, { subject: 'vault/grants', before: asked, ...(row?.organisation ? { organisation: row.organisation } : {}) })
          })
          return undefined
        }
        const { domain, client, purpose, until } = asked
        const input = { domain, client, purpose, ...(until === undefined ? {} : { until }) }
        const given = await addGrant(input, await checkGrant(input), by, asked)
        await store.documents.remove(requests + id)
        return given
      },
      async remove(id, by) {
        await allow('vault.write', by)
        const before = (await vault().grants.list()).find((one) => one.id === id)
        if (!before) throw new Refused('grant.unknown', 404, 'There is no such grant; perhaps somebody took it back already.')
        const row = (await applicationsOf([before])).get(before.client)
        await act(by, 'grants.remove', 'grants', (desk) => desk.grants.remove(id, by.name), () => ({ before, detail: { grant: id } }), row?.organisation ?? undefined)
      },
    },
    keys: {
      async list(by) {
        await allow('vault.read', by)
        return await vault().keys.list()
      },
      async get(name, by) {
        await allow('vault.read', by)
        return await findIn(vault().keys.list(), name, 'key.unknown')
      },
      async create(name, part, by) {
        await allow('vault.write', by)
        if ((await vault().keys.list()).some((one) => one.name === name)) throw new Refused('key.exists', 409, `There is a key “${name}” already. Rotate it for a new version.`)
        return await act(by, part.material === undefined ? 'keys.create' : 'keys.import', `keys/${name}`, (desk) => desk.keys.create(name, part, by.name), (after) => ({ after }))
      },
      rotate: (name, by, expected) => act(by, 'keys.rotate', `keys/${name}`, (desk) => desk.keys.rotate(name, by.name, expected), ({ current }) => ({ detail: { current } })),
      async schedule(name, part, by, expected) {
        await allow('vault.write', by)
        const before = toSchedule(await findIn(vault().keys.list(), name, 'key.unknown'))
        return await act(by, 'keys.schedule', `keys/${name}`, (desk) => desk.keys.schedule(name, part, by.name, expected), (after) => ({ before, after: toSchedule(after) }))
      },
      setState: (name, state, version, by, expected) => act(by, state === 'active' ? 'keys.enable' : 'keys.disable', `keys/${name}`, (desk) => desk.keys.setState(name, state, by.name, version, expected), () => ({ detail: version === undefined ? {} : { version } })),
      async uses(name, limit, by) {
        await allow('vault.read', by)
        return await vault().keys.uses(name, limit)
      },
      async publicSet(set, by) {
        await allow('vault.read', by)
        return await vault().keys.publicSet(set)
      },
      published: createPublishedSets({ desk: quiet, clock }),
    },
    certificates: {
      async list(by) {
        await allow('vault.read', by)
        return (await vault().certificates.list()).toSorted((a, b) => a.notAfter.localeCompare(b.notAfter) || a.name.localeCompare(b.name))
      },
      async get(name, by) {
        await allow('vault.read', by)
        return await findIn(vault().certificates.list(), name, 'certificate.unknown')
      },
      put: (name, pem, by, expected) => act(by, 'certificates.import', `certificates/${name}`, (desk) => desk.certificates.put(name, pem, by.name, expected), ({ subject, serial, fingerprint, notAfter }) => ({ after: { subject, serial, fingerprint, notAfter } })),
      remove: (name, by, expected) => act(by, 'certificates.remove', `certificates/${name}`, (desk) => desk.certificates.remove(name, by.name, expected), () => ({})),
    },
    secrets: {
      async list(by) {
        await allow('vault.read', by)
        return await vault().secrets.list()
      },
      async get(name, by) {
        await allow('vault.read', by)
        return await findIn(vault().secrets.list(), name, 'secret.unknown')
      },
      // Picked one by one: whatever else a vault says of a secret stays out of the log.
      set: (name, value, description, by, expected) => act(by, 'secrets.set', `secrets/${name}`, async (desk) => toFacts(await desk.secrets.put(name, value, description, by.name, expected)), (after) => ({ after })),
      remove: (name, by, expected) => act(by, 'secrets.remove', `secrets/${name}`, (desk) => desk.secrets.remove(name, by.name, expected), () => ({})),
    },
    reveals: {
      async list({ limit: wanted = 50, cursor, domain, client }, by) {
        await allow('reveals.read', by)
        const limit = Math.min(Math.max(Math.trunc(wanted), 1), pageLimit)
        if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) throw new Refused('query.invalid', 422, '“cursor” is not the `next` of a page.')
        const before = cursor === undefined ? 'newest' : Number(cursor)
        const found = await vault().reveals.list({ before, limit: limit + 1, ...filterOf({ domain, client }) })
        const items = found.slice(0, limit)
        return { items, ...(found.length > limit ? { next: String(items.at(-1)?.number) } : {}) }
      },
      async csv({ domain, client, after = 0 }, by) {
        await allow('reveals.read', by)
        const filter = filterOf({ domain, client })
        const [newest] = await vault().reveals.list({ before: 'newest', limit: 1, ...filter })
        const upTo = newest?.number ?? 0
        // Who takes the record away is on record as well, and first: it is gone with the first piece.
        await audit.add(by, 'vault.reveals.download', { after, upTo, ...filter }, undefined, { subject: 'vault/reveals' })
        return toCsv((from) => vault().reveals.list({ after: from, limit: csvPage, ...filter }), after, upTo)
      },
      async verify(by) {
        await allow('reveals.read', by)
        return await vault().reveals.verify()
      },
    },
  }
}

function toFacts({ name, description, version, updatedAt, by }: Awaited<ReturnType<VaultDesk['secrets']['put']>>) {
  return { name, version, updatedAt, by, ...(description === undefined ? {} : { description }) }
}

/** How far its data key is used is nobody's doing. */
function toAudited(domain: Domain): Omit<Domain, 'dataKey'> {
  const facts: { -readonly [name in keyof Domain]: Domain[name] } = { ...domain }
  delete facts.dataKey
  return facts
}

/** Null where there is none, so that the audit log says that something was taken away. */
function toSchedule({ rotateEveryDays, keepOldDays }: Key) {
  return { rotateEveryDays: rotateEveryDays ?? null, keepOldDays: keepOldDays ?? null }
}

/** Lines from behind `after` up to `upTo`, as many at a time as the vault gives. */
async function* toCsv(load: (after: number) => Promise<readonly Reveal[]>, after: number, upTo: number): AsyncGenerator<string> {
  yield csvHead
  for (let last = after; last < upTo; ) {
    const page = (await load(last)).filter(({ number }) => number <= upTo)
    if (page.length === 0) return
    yield page.map(toCsvLine).join('')
    last = page.at(-1)?.number ?? upTo
  }
}

function toApplication(row: ConsumerRow): { readonly name: string; readonly clearance?: string } {
  const { name, rules } = bodyOf(row) as Partial<ClientApplication>
  return { name: name ?? row.id, ...(rules?.clearance === undefined ? {} : { clearance: rules.clearance }) }
}

function filterOf({ domain, client }: { readonly domain?: string | undefined; readonly client?: string | undefined }) {
  return { ...(domain ? { domain } : {}), ...(client ? { client } : {}) }
}
