import { secretLimitBytes, secretName } from '../../runtime/core/secrets/secret-reference.ts'
import { certificatesLimit, keyMaterialLimit } from '../../vault/words/input-limits.ts'
import { keyAlgorithms, keyKinds } from '../../vault/words/key-kinds.ts'
import { keyScheduleLimits } from '../../vault/words/key-schedule-limits.ts'
import { namePattern } from '../../vault/words/names.ts'
import { line, object, time } from '../consumers/schema-parts.ts'

/** As the vault takes names: flows name them as they are written. */
const id = { type: 'string', pattern: namePattern.source, description: 'Letters, digits and . _ -, 1 to 64, a letter or digit first.' }
const text = { type: 'string', maxLength: 1000, pattern: '^[^\\u0000]*$' }
const clearances = { type: 'array', items: line(64), maxItems: 100, uniqueItems: true, description: 'Of which a viewer must have one; empty: none is asked for.' }
const purposes = { type: 'array', items: line(64), maxItems: 100, uniqueItems: true, description: 'That grants may name.' }
const ttlS = { type: 'integer', minimum: 1, maximum: 3_155_760_000, description: 'Seconds that tokens live when their node does not say; absent: for ever.' }
const guessesPerMinute = { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Comparisons of a client (`verify token`) that may come out different in a minute; absent: 60. All vaults on one database count together.' }
const kind = { enum: keyKinds }
const algorithm = { enum: keyAlgorithms, description: 'The one thing it does (RFC 7518, RFC 8037).' }
const material = { type: 'string', minLength: 1, maxLength: keyMaterialLimit, writeOnly: true, description: 'Of a key that was made elsewhere, in no answer: a private key in PEM, not encrypted; a JWK as a text; of `aes-256` and `hmac-256` also base64url of the bytes. Absent: the vault makes it.' }
const schedule = {
  rotateEveryDays: { type: 'integer', minimum: 1, maximum: keyScheduleLimits.rotateEveryDays, description: 'Days after which the vault replaces the current version by itself; absent: it does not.' },
  keepOldDays: { type: 'integer', minimum: 1, maximum: keyScheduleLimits.keepOldDays, description: 'Days that a version goes on decrypting and verifying after it was replaced; then it is switched off. Absent: for ever.' },
}
const scheduleOrNone = { rotateEveryDays: { ...schedule.rotateEveryDays, type: ['integer', 'null'] }, keepOldDays: { ...schedule.keepOldDays, type: ['integer', 'null'] } }
const state = { enum: ['active', 'disabled'] }
const part = { description: text, clearances, purposes, ttlS, guessesPerMinute }
const integer = { type: 'integer' }
const revision = { type: 'integer', minimum: 1, description: 'Counts up with every change; the ETag is this number in quotes.' }
const string = { type: 'string' }
const pem = { type: 'string', minLength: 1, maxLength: certificatesLimit, description: 'One certificate or a chain, its own first.' }
const value = { type: 'string', minLength: 1, maxLength: secretLimitBytes, description: 'Given to gateways, and to nobody else.' }

const dataKeyWear = object(
  {
    scope: string, version: integer, since: time, seals: { ...integer, description: 'Counted by samples: 0 is below 65,536 or so.' },
    share: { type: 'number', description: 'Of those that it seals before another takes its place by itself, which is at 1.' }, fullAt: { ...time, description: 'When that is, if it goes on as it went since it was made.' },
  },
  ['scope', 'version', 'since', 'seals', 'share'],
)

/** What is sent to the admin API of the vault, and what it answers. */
export const vaultSchemas = {
  VaultDomainCreate: object({ name: id, ...part }, ['name']),
  VaultDomainPart: object({ ...part, ttlS: { ...ttlS, type: ['integer', 'null'] }, guessesPerMinute: { ...guessesPerMinute, type: ['integer', 'null'] } }, []),
  VaultDomain: object({ name: id, ...part, state: { enum: ['active', 'shredded'] }, keyVersion: { ...integer, description: 'Of the data key that new rows are sealed under.' }, dataKey: dataKeyWear, createdAt: time, revision }, ['name', 'clearances', 'purposes', 'state', 'keyVersion', 'createdAt', 'revision']),
  VaultShred: object({ confirm: { ...string, maxLength: 64, description: 'The name of the domain again.' } }, ['confirm']),
  VaultSubjectShred: object({ subject: { ...string, minLength: 1, maxLength: 1000, description: 'As `tokenize` was told it. In no log and no record.' } }, ['subject']),
  VaultSubjectShredded: object({ shredded: { ...integer, description: 'Values that cannot be read any more.' }, mark: { ...string, description: 'Keyed hash that stands for the subject in the audit log.' } }, ['shredded', 'mark']),
  VaultGrantCreate: object({ domain: id, client: { ...id, description: 'Id of an application.' }, purpose: line(64), until: { ...time, description: 'RFC 3339; absent: until it is taken back.' } }, ['domain', 'client', 'purpose']),
  VaultGrantDecision: object({ agree: { type: 'boolean' } }, ['agree']),
  VaultGrant: object({ id: string, domain: string, client: string, purpose: string, until: time, createdAt: time, by: string, state: { enum: ['active', 'expired', 'requested'], description: '`requested`: waits for a second person.' }, application: object({ name: string, clearance: string }, ['name']) }, ['id', 'domain', 'client', 'purpose', 'createdAt', 'by', 'state']),
  VaultKeyCreate: object({ name: id, kind: { ...kind, description: 'May be left out where the material says it: PEM, and most JWKs.' }, algorithm, material, set: { ...id, description: 'Key set whose public halves are published together.' }, ...scheduleOrNone }, ['name']),
  VaultKeySchedule: object(scheduleOrNone, []),
  VaultKey: object(
    {
      name: string, kind, algorithm, set: string, ...schedule, dueAt: { ...time, description: 'When the current version is to be replaced.' }, state, current: integer,
      versions: { type: 'array', items: object({ version: integer, createdAt: time, state, made: { enum: ['schedule', 'import'], description: 'Absent: somebody had it made.' }, offAt: { ...time, description: 'When it is switched off, having been replaced.' } }, ['version', 'createdAt', 'state']) }, revision,
    },
    ['name', 'kind', 'algorithm', 'state', 'current', 'versions', 'revision'],
  ),
  VaultKeyUse: object(
    {
      hour: { ...time, description: 'When it began.' }, key: string, version: { type: ['integer', 'null'] }, do: { enum: ['encrypt', 'decrypt', 'sign', 'check'] },
      outcome: { enum: ['done', 'invalid', 'disabled', 'unfit', 'failed'], description: '`invalid`: a text or signature that does not fit; `disabled`, `unfit`: the key did nothing.' },
      client: { type: ['string', 'null'], description: 'Id of the application; null when nobody proved who calls.' }, flow: string, count: integer,
    },
    ['hour', 'key', 'version', 'do', 'outcome', 'client', 'flow', 'count'],
  ),
  VaultKeySet: { type: 'object', properties: { keys: { type: 'array', items: { type: 'object' } } }, required: ['keys'] },
  VaultCertificatePut: object({ name: id, pem }, ['name', 'pem']),
  VaultCertificateInput: object({ pem }, ['pem']),
  VaultCertificate: object(
    { name: string, subject: string, issuer: string, serial: string, fingerprint: string, notBefore: time, notAfter: time, daysLeft: integer, revision },
    ['name', 'subject', 'issuer', 'serial', 'fingerprint', 'notBefore', 'notAfter', 'daysLeft', 'revision'],
  ),
  VaultSecretPut: object({ name: { ...id, pattern: secretName.source }, value, description: text }, ['name', 'value']),
  VaultSecretInput: object({ value, description: text }, ['value']),
  VaultSecret: object({ name: string, description: string, version: { ...integer, description: 'Of the value; the ETag is this number in quotes.' }, updatedAt: time, by: string }, ['name', 'version', 'updatedAt', 'by']),
  VaultReveal: object(
    {
      number: integer, at: time, domain: string, token: { ...string, description: 'Hash of the token.' }, client: { type: ['string', 'null'] }, purpose: string, run: string, flow: string, node: string,
      outcome: { enum: ['revealed', 'denied', 'unknown', 'expired', 'same', 'different', 'too-many'], description: 'The last three are of comparisons (`verify token`).' },
    },
    ['number', 'at', 'domain', 'token', 'client', 'purpose', 'run', 'flow', 'node', 'outcome'],
  ),
  VaultRevealVerdict: object({ ok: { type: 'boolean' }, entries: integer, number: { ...integer, description: 'The first bad one.' }, reason: string, code: { ...string, description: 'What is wrong, as `reason` says it.' }, facts: { type: 'object', description: 'What stands in the sentence of that code.' } }, ['ok', 'entries']),
  VaultStatus: object(
    {
      ok: { type: 'boolean' }, masterKey: object({ provider: { enum: ['file', 'pkcs11'] }, id: string, since: time }, ['provider', 'id', 'since']), store: { enum: ['sqlite', 'postgresql'] },
      domains: integer, tokens: integer, toReseal: { ...integer, description: 'Rows still under an older key while a rotation goes on.' },
      dataKeys: object({ replaced: { ...integer, description: 'Data keys that this vault replaced by itself since it started.' }, fullest: { type: 'number', description: 'Of the newest data key that sealed most, as a share of what one does before it is replaced.' }, used: { type: 'array', items: dataKeyWear, description: 'The newest ones that sealed most, at most 20.' } }, ['replaced', 'fullest']),
      keys: object(
        {
          made: integer, scheduled: { ...integer, description: 'Keys that are replaced on a schedule.' }, overdue: { ...integer, description: 'Of those, due for more than an hour.' }, replaced: { ...integer, description: 'Versions that this vault made by schedule since it started.' },
          next: object({ key: string, at: time }, ['key', 'at']),
        },
        ['made', 'scheduled', 'overdue', 'replaced'],
      ),
      certificates: object({ imported: integer, expired: integer, leastDaysLeft: { ...integer, description: 'Of the one that ends first; below 0 when it has.' } }, ['imported', 'expired']),
    },
    ['ok', 'masterKey', 'store', 'domains', 'tokens', 'toReseal'],
  ),
}
