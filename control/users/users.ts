import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { createCrowd } from '../../runtime/core/access/crowd.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Audit } from '../audit.ts'
import { Refused, type Doer, type Role, type User, type Users } from '../contract.ts'
import type { UserRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { roles } from '../roles.ts'
import { createSerial } from '../serial.ts'
import type { FirstPassword } from './first-password.ts'
import { hashed } from '../oauth/artifacts.ts'
import { revokeTokensOfUser } from '../oauth/revoke.ts'
import { generatePassword, hashPassword, verifyPassword, type PasswordCost } from './password.ts'
import { createAddressBudget } from './address-budget.ts'
import { createThrottle } from './throttle.ts'

export interface UsersParts {
  readonly store: Store
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  readonly first: FirstPassword
  readonly cost: PasswordCost
  /** Told when every session of a user has ended. */
  readonly sessionsEnded?: (user: string) => void
  /** How long an access token of the authorization server lasts at most. */
  readonly tokenTtlMs?: number | undefined
}

const shortestPassword = 8
const longestPassword = 1024
/** Password hashes worked on at once (each takes memory and a thread), and how many may wait. */
const hashesAtOnce = 2
const hashesWaiting = 100
/** Of them, sign-ins of one address: whoever tries many names keeps nobody else out of the line. */
const signInsOfAddress = 20

/** The users of a store, and how they sign in. */
export function createUsers({ store, audit, clock, log, first, cost, sessionsEnded = () => {}, tokenTtlMs = 0 }: UsersParts): Users {
  const throttle = createThrottle(clock)
  const budget = createAddressBudget(clock)
  const hashing = createSerial(hashesAtOnce, hashesWaiting)
  const crowd = createCrowd(signInsOfAddress)
  const changing = createSerial(1)
  // Hashed once: an unknown name then takes as long as a wrong password.
  const nobody = hashPassword(randomBytes(16).toString('hex'), cost)
  const nowIso = () => new Date(clock.now()).toISOString()

  async function existing(name: string): Promise<UserRow> {
    const row = await store.users.get(fold(name))
    if (!row) throw new Refused('user.none', 404, `There is no user “${name}”.`)
    return row
  }

  /** The rule that keeps the door from locking behind everybody. */
  async function keepAnAdmin(row: UserRow): Promise<void> {
    if (row.role !== 'admin' || row.disabled) return
    const others = (await store.users.list()).filter((user) => user.role === 'admin' && !user.disabled && user.name !== row.name)
    if (others.length === 0) throw new Refused('user.last_admin', 409, `“${row.name}” is the last administrator. Make somebody else an administrator first.`)
  }

  async function change(name: string, by: Doer, action: string, set: Partial<UserRow>, ends = false, from?: string): Promise<User> {
    const before = await existing(name)
    const row = { ...before, ...set }
    const endsSessions = ends || set.disabled === 1 || set.password !== undefined
    await store.transaction(async (tables) => {
      if (Object.keys(set).length > 0) await tables.users.change(row.name, set)
      if (endsSessions) {
        await tables.tokens.removeOf(row.name)
        await tables.oauth.removeOfAccount(hashed(row.name))
      }
      // What a token may do followed from the role that its user had.
      if (endsSessions || set.role !== undefined) await revokeTokensOfUser(tables, row.name, clock.now(), tokenTtlMs)
      const facts = set.password === undefined ? { before: toAudited(before), after: toAudited(row) } : {}
      await audit.add(by, action, { user: row.name }, tables, { subject: `users/${row.name}`, from, ...facts })
    })
    if (set.password !== undefined) await first.forget(row.name)
    if (endsSessions) sessionsEnded(row.name)
    return toUser(row)
  }

  /** A user of a name that nobody has. */
  async function addFrom(upstream: string, names: readonly string[], role: Role, issuer: string, from: string): Promise<UserRow> {
    const password = await hashing(() => hashPassword(randomBytes(32).toString('hex'), cost))
    const base = names.map(toName).find((name) => name !== '') ?? 'user'
    const candidates = [...(reserved.has(base) ? [] : [base]), ...[6, 12, 24].map((length) => `${base.slice(0, 64 - length - 1)}-${upstream.slice(0, length)}`)]
    for (const name of candidates) {
      const row: UserRow = { name, role, password, disabled: 0, created_at: nowIso(), last_sign_in_at: null, upstream, upstream_role: 1 }
      const added = await store.transaction(async (tables) => {
        if (!(await tables.users.add(row))) return false
        await audit.add(name, 'user.create', { user: name, role, issuer }, tables, { subject: `users/${name}`, from })
        return true
      })
      if (added) return row
      // Another sign-in of the same person was faster.
      const known = await store.users.byUpstream(upstream)
      if (known) return known
    }
    throw new Refused('signin.unknown', 403, 'No name was free.')
  }

  return {
    async authenticate(name, password, from) {
      const key = `${fold(name)}\n${from}`
      const { waitMs, refused } = throttle.reserve(key)
      if (refused) {
        throw new Refused('signin.slow', 429, `Too many attempts to sign in. Try again in ${Math.ceil(waitMs / 1000)} seconds.`)
      }
      if (waitMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, waitMs))
      const row = await store.users.get(fold(name))
      const leave = crowd.enter(from)
      if (!leave) {
        throttle.failed(key)
        throw new Refused('signin.slow', 429, 'Too many sign in from this address at once. Try again in a moment.')
      }
      const turnMs = budget.take(fold(name), from)
      if (turnMs > 0) {
        leave()
        throttle.passedOver(key)
        throw new Refused('signin.slow', 429, `Too many wrong passwords came from this address. Try again in ${Math.ceil(turnMs / 1000)} seconds.`)
      }
      const right = await hashing(async () => await verifyPassword(password.slice(0, longestPassword), row?.password ?? (await nobody))).finally(leave)
      if (!row || !right || row.disabled) {
        throttle.failed(key)
        log.info({ from }, 'a sign-in failed')
        return undefined
      }
      throttle.succeeded(key)
      budget.succeeded(row.name, from)
      const last_sign_in_at = nowIso()
      await store.users.change(row.name, { last_sign_in_at })
      await first.forget(row.name)
      await audit.add(row.name, 'user.sign_in', {}, undefined, { from, subject: `users/${row.name}` })
      return toUser({ ...row, last_sign_in_at })
    },
    async signInFrom({ issuer, subject, names, role, create }, from) {
      const upstream = toUpstream(issuer, subject)
      let row = await store.users.byUpstream(upstream)
      if (!row) {
        if (!create) throw new Refused('signin.unknown', 403, 'Nobody here is linked to this identity, and no users are made of those that sign in elsewhere.')
        if (!role) throw new Refused('signin.role', 403, 'Nothing that the provider says gives this identity a role.')
        row = await addFrom(upstream, names, role, issuer, from)
      }
      if (row.disabled) throw new Refused('user.disabled', 403, `“${row.name}” is disabled.`)
      if (row.upstream_role === 1 && row.role !== role) {
        if (!role) throw new Refused('signin.role', 403, 'Nothing that the provider says gives this identity a role any more.')
        const settled = row
        await changing(async () => {
          if (role !== 'admin') await keepAnAdmin(settled)
          await change(settled.name, settled.name, 'user.role', { role }, false, from)
        })
        row = { ...row, role }
      }
      const last_sign_in_at = nowIso()
      await store.users.change(row.name, { last_sign_in_at })
      await audit.add(row.name, 'user.sign_in', { issuer }, undefined, { from, subject: `users/${row.name}` })
      return toUser({ ...row, last_sign_in_at })
    },
    async link(name, identity, by) {
      const row = await existing(name)
      const upstream = identity ? toUpstream(identity.issuer, identity.subject) : null
      const other = upstream === null ? undefined : await store.users.byUpstream(upstream)
      if (other && other.name !== row.name) throw new Refused('user.linked', 409, `“${other.name}” is linked to this identity already.`)
      // From now on the role is what an administrator says.
      const set = { upstream, upstream_role: 0 }
      await store.transaction(async (tables) => {
        await tables.users.change(row.name, set)
        await audit.add(by, identity ? 'user.link' : 'user.unlink', { user: row.name, ...(identity ? { issuer: identity.issuer, subject: identity.subject } : {}) }, tables, { subject: `users/${row.name}` })
      })
      return toUser({ ...row, ...set })
    },
    async get(name) {
      const row = await store.users.get(fold(name))
      return row && toUser(row)
    },
    list: async () => (await store.users.list()).map(toUser),
    async create({ name, role, password = generatePassword() }, by) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) {
        throw new Refused('user.name', 422, 'A user name has 1 to 64 letters, digits or . _ @ - and starts with a letter or digit.')
      }
      checkRole(role)
      checkPassword(password)
      const row: UserRow = {
        name: fold(name),
        role,
        password: await hashing(() => hashPassword(password, cost)),
        disabled: 0,
        created_at: nowIso(),
        last_sign_in_at: null,
        upstream: null,
        upstream_role: 0,
      }
      await store.transaction(async (tables) => {
        if (!(await tables.users.add(row))) throw new Refused('user.exists', 409, `There is a user “${row.name}” already.`)
        await audit.add(by, 'user.create', { user: row.name }, tables, { subject: `users/${row.name}`, after: toAudited(row) })
      })
      return { user: toUser(row), password }
    },
    setRole: (name, role, by) =>
      changing(async () => {
        checkRole(role)
        if (role !== 'admin') await keepAnAdmin(await existing(name))
        return await change(name, by, 'user.role', { role })
      }),
    setDisabled: (name, disabled, by) =>
      changing(async () => {
        if (disabled) await keepAnAdmin(await existing(name))
        return await change(name, by, disabled ? 'user.disable' : 'user.enable', { disabled: disabled ? 1 : 0 })
      }),
    async resetPassword(name, by, password = generatePassword()) {
      checkPassword(password)
      await change(name, by, 'user.reset_password', { password: await hashing(() => hashPassword(password, cost)) })
      return { password }
    },
    async endSessions(name, by) {
      await change(name, by, 'user.end_sessions', {}, true)
    },
    async changeOwnPassword(name, current, next, from) {
      const row = await existing(name)
      if (!(await hashing(() => verifyPassword(current, row.password)))) throw new Refused('user.password_wrong', 403, 'The current password is wrong.')
      checkPassword(next)
      await change(name, row.name, 'user.change_password', { password: await hashing(() => hashPassword(next, cost)) }, false, from)
    },
    async issueToken(name, use, ttlMs) {
      const row = await existing(name)
      const token = `slc_${randomBytes(32).toString('base64url')}`
      const expiresAt = new Date(clock.now() + ttlMs).toISOString()
      await store.tokens.removeExpired(nowIso())
      await store.tokens.add({ hash: hashToken(token), user_name: row.name, use, created_at: nowIso(), expires_at: expiresAt })
      return { token, expiresAt }
    },
    async verifyToken(token) {
      const row = await store.tokens.get(hashToken(token))
      if (!row || row.expires_at <= nowIso()) return undefined
      const user = await store.users.get(row.user_name)
      return user && !user.disabled ? toUser(user) : undefined
    },
    async revokeToken(token) {
      await store.tokens.remove(hashToken(token))
    },
  }
}

/** Names that entries of the audit log have for what nobody did. */
const reserved: ReadonlySet<string> = new Set(['admin', 'start', 'control', 'sluice', 'system'])

/** A user name out of what a provider calls somebody: of an address the part before the @. */
function toName(text: string): string {
  return fold(text.split('@')[0] ?? '').normalize('NFKD').replace(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '').slice(0, 40)
}

/** A subject means something together with its issuer only. */
function toUpstream(issuer: string, subject: string): string {
  return createHash('sha256').update(JSON.stringify([issuer, subject]), 'utf8').digest('hex')
}

/** Tokens have 256 random bits, so one round of SHA-256 hides them well enough. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

/** `Admin` and `admin` are one user. */
function fold(name: string): string {
  return name.toLowerCase().slice(0, 64)
}

/** What the audit log keeps of a user: nothing of a password. */
function toAudited({ name, role, disabled }: UserRow) {
  return { name, role, disabled: disabled !== 0 }
}

function toUser(row: UserRow): User {
  return {
    name: row.name,
    role: row.role as Role,
    disabled: row.disabled !== 0,
    createdAt: row.created_at,
    ...(row.last_sign_in_at === null ? {} : { lastSignInAt: row.last_sign_in_at }),
    ...(row.upstream === null ? {} : { linked: true }),
  }
}

function checkRole(role: Role): void {
  if (!roles.includes(role)) throw new Refused('user.role', 422, `A role is ${roles.join(', ')}.`)
}

function checkPassword(password: string): void {
  if (password.length < shortestPassword || password.length > longestPassword) {
    throw new Refused('user.password', 422, `A password has ${shortestPassword} to ${longestPassword} characters.`)
  }
}
