import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { PublicJwk } from '../../runtime/core/access/signing-key.ts'
import { keyClientPrefix } from '../consumers/view.ts'
import { bodyOf } from '../consumers/kind.ts'
import type { ClientApplication, Credential, Organisation } from '../contract.ts'
import type { Authority, OauthClient } from '../oauth-contract.ts'
import { createSerial } from '../serial.ts'
import type { Tables } from '../store/tables.ts'

/** Secrets checked at once (each takes memory and a thread), and how many may wait. */
const checksAtOnce = 2
const checksWaiting = 200
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

/** Clients out of the records of applications: asked for each time, so that what is switched off gets no token any more. */
export function createOauthClients({ consumers }: Pick<Tables, 'consumers'>, clock: Clock, own: readonly OauthClient[] = []): Authority['clients'] {
  const inTurn = createSerial(checksAtOnce, checksWaiting)
  return {
    async get(id) {
      const signer = toKeyName(id)
      // The names of our own are none that a credential can have.
      if (!nameForm.test(signer ?? id)) return own.find((client) => client.id === id)
      const row = await consumers.byLookup('credentials', signer === undefined ? `basic ${id}` : `hmac ${signer}`)
      if (!row || row.retired_at !== null || row.parent === null) return undefined
      const { active, expiresAt, kind, publicKey } = bodyOf(row) as unknown as Credential
      const proof = signer === undefined ? row.secret !== null && { verifier: row.secret } : kind === 'public-key' && publicKey !== undefined && { publicKey: JSON.parse(publicKey) as PublicJwk }
      if (!proof) return undefined
      if (!active || (expiresAt !== undefined && !(Date.parse(expiresAt) > clock.now()))) return undefined
      const application = await consumers.get('applications', row.parent)
      if (!application || application.retired_at !== null) return undefined
      const body = bodyOf(application) as unknown as ClientApplication
      if (!body.active || !body.oauth) return undefined
      const organisation = await consumers.get('organisations', body.organisation)
      if (!organisation || organisation.retired_at !== null || !(bodyOf(organisation) as unknown as Organisation).active) return undefined
      return { ...body.oauth, id, application: application.id, organisation: body.organisation, name: body.name, ...proof }
    },
    checkSecret: (secret, verifier) => inTurn(() => checkSecret(secret, verifier)),
  }
}

/** Name of the public key that a client proves itself with; `undefined` when its id is the name of a Basic credential. */
function toKeyName(id: string): string | undefined {
  return id.startsWith(keyClientPrefix) ? id.slice(keyClientPrefix.length) : undefined
}

/** `scrypt$N$r$p$salt$hash`, base64url (control/consumers/secrets.ts). */
function checkSecret(secret: string, verifier: string): Promise<boolean> {
  const [kind, n, r, p, salt = '', hash = ''] = verifier.split('$')
  // Of 256 random bits: one round hides them well enough.
  if (kind === 'sha256') return Promise.resolve(timingSafeEqual(createHash('sha256').update(secret, 'utf8').digest(), Buffer.from(n ?? '', 'base64url')))
  const expected = Buffer.from(hash, 'base64url')
  if (kind !== 'scrypt' || expected.length === 0 || secret.length > 1024) return Promise.resolve(false)
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize('NFKC'), Buffer.from(salt, 'base64url'), expected.length, { N: Number(n), r: Number(r), p: Number(p), maxmem: 256 * Number(n) * Number(r) }, (error, key) => {
      if (error) reject(error)
      else resolve(timingSafeEqual(key, expected))
    })
  })
}
