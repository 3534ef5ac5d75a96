import { parseSigningKey } from '../../runtime/core/access/signing-key.ts'
import { Refused, type Credential, type CredentialInput, type Credentials, type IssuedCredential } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import { invalid, problem } from './check.ts'
import { bodyOf, toRecord, type Body } from './kind.ts'
import { credentials } from './kinds.ts'
import { createRecords, loadForChange, type Desk } from './records.ts'
import { makeBasicSecret, makeKey, makeName, makeSigningSecret, type SecretCost } from './secrets.ts'
import { owns, sees } from './sees.ts'
import { notAllowed, type Unit } from './unit.ts'

export interface CredentialOptions {
  readonly clientKey: Buffer
  readonly cost: SecretCost
}

type CredentialKind = CredentialInput['kind']

/** Two live ones let a key be exchanged without a gap; a third would be forgotten somewhere. */
const liveAtMost: Readonly<Record<CredentialKind, number>> = { key: 2, basic: 2, hmac: 2, 'public-key': 2, jwt: 50, certificate: 50 }

/** Fields beyond the common ones that each kind takes. */
const fieldsOf: Readonly<Record<CredentialKind, readonly string[]>> = { key: [], basic: ['name'], hmac: ['name'], 'public-key': ['name', 'publicKey'], jwt: ['issuer', 'subject'], certificate: ['fingerprint', 'san'] }
const needed: { readonly [kind in CredentialKind]?: readonly string[] } = { jwt: ['issuer', 'subject'], 'public-key': ['publicKey'] }
const special = ['name', 'publicKey', 'issuer', 'subject', 'fingerprint', 'san']

/** Credentials: what applications show to prove who they are. */
export function createCredentials(desk: Desk, options: CredentialOptions): Credentials {
  const { list, get } = createRecords<Credential, never>(credentials, desk)
  const asRecord = (row: ConsumerRow) => toRecord<Credential>(row)
  return {
    list,
    get,
    create: (input, by) => desk.run(by, (unit) => createCredential(unit, input as unknown as Body, options)),
    rotate: (id, { oldEndsInMs, version }, by) =>
      desk.run(by, async (unit) => {
        unit.checker.check('CredentialRotation', oldEndsInMs === undefined ? {} : { oldEndsInMs })
        const row = await loadForChange(unit, 'credentials', id, version)
        const { kind, application, environment, label, expiresAt, ...rest } = bodyOf(row)
        if (kind !== 'key' && kind !== 'basic' && kind !== 'hmac') throw new Refused('credential.kind', 422, 'Only keys, Basic and HMAC secrets are rotated: nothing of the others is ours to renew.')
        const issued = await createCredential(unit, { kind, application, environment, ...(label === undefined ? {} : { label }) }, options)
        if (oldEndsInMs !== undefined) {
          const ends = unit.nowMs + oldEndsInMs
          const sooner = typeof expiresAt === 'string' && Date.parse(expiresAt) < ends ? expiresAt : new Date(ends).toISOString()
          await unit.change(credentials, row, { kind, application, environment, ...(label === undefined ? {} : { label }), ...rest, expiresAt: sooner }, 'rotate')
        }
        return issued
      }),
    confirm: (id, { takeOver = false, version }, by) =>
      desk.run(by, async (unit) => {
        unit.checker.check('CredentialConfirmation', { takeOver })
        const row = await loadForChange(unit, 'credentials', id, version)
        if (!mayConfirm(unit)) throw notAllowed('confirm whose subject or certificate this is; ask somebody who publishes for all organisations')
        const { claim, ...body } = bodyOf(row)
        if (claim !== 'pending') throw new Refused('credential.claim', 422, 'Nothing of this credential waits to be confirmed.')
        const lookup = credentials.columns(body, id).lookup
        const holder = takeOver && typeof lookup === 'string' ? await unit.tables.consumers.byLookup('credentials', lookup) : undefined
        if (holder) await unit.change(credentials, holder, { ...bodyOf(holder), active: false }, 'revoke', { retired: true, reason: `taken over by ${id}` })
        return asRecord(await unit.change(credentials, row, body, 'confirm'))
      }),
    setActive: (id, active, version, by) =>
      desk.run(by, async (unit) => {
        unit.checker.check('CredentialSwitch', { active })
        const row = await loadForChange(unit, 'credentials', id, version)
        // The owner may switch a leaked one off; what others switched off is theirs to switch on.
        await needHolder(unit, row, active ? 'operators' : 'owner')
        const body = bodyOf(row)
        return asRecord(body.active === active ? row : await unit.change(credentials, row, { ...body, active }, active ? 'switch_on' : 'switch_off'))
      }),
    revoke: (id, version, by) =>
      desk.run(by, async (unit) => {
        const row = await loadForChange(unit, 'credentials', id, version)
        await needHolder(unit, row, 'owner')
        return asRecord(await unit.change(credentials, row, { ...bodyOf(row), active: false }, 'revoke', { retired: true }))
      }),
  }
}

async function createCredential(unit: Unit, input: Body, options: CredentialOptions): Promise<IssuedCredential> {
  unit.checker.check('CredentialCreate', input)
  const application = await unit.live('applications', input.application as string)
  if (!application || !(await sees(unit.access, application, unit.tables))) {
    throw invalid([problem('/application', `There is no application “${String(input.application)}”.`, 'Make it first.')])
  }
  if (!unit.access.may('credentials.write', application.organisation) && !owns(unit.access, application)) throw notAllowed('give credentials to this application')
  const body = { environment: 'production', ...input, organisation: application.organisation, active: true } as unknown as Body & { kind: CredentialKind; environment: string }
  checkFields(unit, body)
  await checkLive(unit, application.id, body)
  const { facts, shown, kept } = await make(body, options)
  const id = makeName('cred')
  const claim = (body.kind === 'jwt' || body.kind === 'certificate') && !mayConfirm(unit) ? { claim: 'pending' } : {}
  const row = await unit.add(credentials, id, { ...body, ...facts, ...claim }, kept)
  return { credential: toRecord<Credential>(row), ...(shown === undefined ? {} : { secret: shown }) }
}

/** Whoever answers for one organisation cannot say what belongs to another. */
function mayConfirm({ access }: Unit): boolean {
  return access.may('credentials.write')
}

function checkFields(unit: Unit, body: Body & { kind: CredentialKind }): void {
  const problems = special
    .filter((field) => body[field] !== undefined && !fieldsOf[body.kind].includes(field))
    .map((field) => problem(`/${field}`, `A credential of kind ${body.kind} has no ${field}.`, 'Leave it out.'))
  if (body.kind === 'public-key' && body.publicKey !== undefined) {
    try {
      parseSigningKey(String(body.publicKey))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      problems.push(problem('/publicKey', error.message, 'Send a public key: RSA of 2048 bits or more, P-256, P-384 or Ed25519, as PEM or JWK.', 'credential.public_key'))
    }
  }
  for (const field of needed[body.kind] ?? []) if (body[field] === undefined) problems.push(problem(`/${field}`, `“${field}” is missing.`, 'Send it.'))
  if (body.kind === 'certificate' && (body.fingerprint === undefined) === (body.san === undefined)) {
    problems.push(problem('/fingerprint', 'A certificate is known by its fingerprint or by one of its names.', 'Send exactly one of fingerprint and san.'))
  }
  if (typeof body.expiresAt === 'string' && Date.parse(body.expiresAt) <= unit.nowMs) problems.push(problem('/expiresAt', 'It would have ended before it begins.', 'Send a time to come.'))
  if (problems.length > 0) throw invalid(problems)
}

async function checkLive(unit: Unit, application: string, body: Body & { kind: CredentialKind }): Promise<void> {
  const rows = await unit.tables.consumers.byParents('credentials', [application])
  const live = rows.map(bodyOf).filter((one) => {
    const ended = typeof one.expiresAt === 'string' && Date.parse(one.expiresAt) <= unit.nowMs
    return one.kind === body.kind && one.environment === body.environment && !ended
  })
  if (live.length < liveAtMost[body.kind]) return
  throw new Refused('credential.two_live', 409, `The application has ${live.length} live credentials of this kind for ${String(body.environment)} already. Revoke one first.`)
}

async function make(body: Body & { kind: CredentialKind }, { clientKey, cost }: CredentialOptions): Promise<{ facts: Body; shown?: string; kept?: string }> {
  switch (body.kind) {
    case 'key': {
      const { prefix, shown, kept } = makeKey()
      return { facts: { name: prefix }, shown, kept }
    }
    case 'basic':
      return { facts: { name: body.name ?? makeName('client') }, ...(await makeBasicSecret(cost)) }
    case 'hmac':
      return { facts: { name: body.name ?? makeName('signer') }, ...makeSigningSecret(clientKey) }
    case 'public-key':
      return { facts: { name: body.name ?? makeName('signer'), publicKey: JSON.stringify(parseSigningKey(String(body.publicKey))) } }
    case 'certificate':
      return { facts: typeof body.fingerprint === 'string' ? { fingerprint: body.fingerprint.replaceAll(':', '').toLowerCase() } : {} }
    default:
      return { facts: {} }
  }
}

async function needHolder(unit: Unit, row: ConsumerRow, least: 'owner' | 'operators'): Promise<void> {
  const { access } = unit
  if (access.may('credentials.write', row.organisation) || access.may('credentials.revoke', row.organisation)) return
  const application = least === 'owner' && row.parent !== null ? await unit.find('applications', row.parent) : undefined
  if (!application || !owns(access, application)) throw notAllowed('change this credential')
}
