import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createClients } from '../clients/clients.ts'
import type { Claim } from '../core/deployment.ts'
import { systemClock } from '../core/time/clock.ts'
import { claimedApplication, type ClaimingRequest } from './claimed-application.ts'

const live = { environment: 'production', active: true } as const
const fingerprint = 'ab'.repeat(32)
const clients = createClients({ clock: systemClock })
const application = (id: string, credentials: readonly object[]) => ({ id, name: id, organisation: 'o', active: true, rules: {}, subscriptions: [], credentials: credentials.map((one) => ({ ...one, ...live })) as never })
clients.replace({
  version: 1,
  applications: [
    application('key', [{ kind: 'key', prefix: 'pk', hash: '-' }]),
    application('basic', [{ kind: 'basic', name: '王', verifier: '-' }]),
    application('hmac', [{ kind: 'hmac', id: 'h1', sealed: '-' }]),
    application('jwt', [{ kind: 'jwt', issuer: 'https://i', subject: 'c' }]),
    application('pinned', [{ kind: 'certificate', fingerprint }]),
    application('named', [{ kind: 'certificate', san: 'client.example' }]),
  ],
  plans: [],
  apis: [],
})
const claims: readonly Claim[] = [{ kind: 'key', header: 'x-api-key' }, { kind: 'key', query: 'key' }, { kind: 'basic' }, { kind: 'bearer' }, { kind: 'signature' }, { kind: 'sign code' }, { kind: 'certificate' }]
const claimed = (request: Partial<ClaimingRequest>, list = claims) => claimedApplication({ headers: {}, query: {}, ...request }, list, clients)?.id
const jwt = (payload: unknown) => `x.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.y`

test('who calls is told by the public part of whatever the auth node would look at', () => {
  expect(claimed({ headers: { 'x-api-key': 'pk.whatever' } })).toBe('key')
  expect(claimed({ query: { key: 'pk.' } })).toBe('key')
  expect(claimed({ headers: { authorization: `basic ${Buffer.from('王:x').toString('base64')}` } })).toBe('basic')
  expect(claimed({ headers: { authorization: `Bearer ${jwt({ iss: 'https://i', client_id: 'c', sub: 'ann' })}` } })).toBe('jwt')
  expect(claimed({ headers: { authorization: `Bearer ${jwt({ iss: 'https://i', sub: 'c' })}` } })).toBe('jwt')
  expect(claimed({ headers: { 'signature-input': 'a=("@path");keyid="other", b=("@method");created=1;keyid="h1"' } })).toBe('hmac')
  expect(claimed({ headers: { 'x-client-id': 'h1' } })).toBe('hmac')
  expect(claimed({ clientCertificate: { subject: 'CN=x', fingerprint256: fingerprint.toUpperCase().replace(/..(?!$)/g, '$&:') } })).toBe('pinned')
  expect(claimed({ clientCertificate: { subject: 'CN=x', fingerprint256: '00', sans: ['DNS:client.example'] } })).toBe('named')
})

test('nobody is told where the auth node does not look, by a user’s name, or by what names nobody', () => {
  expect(claimed({ headers: { 'x-api-key': 'pk.x' } }, [{ kind: 'basic' }])).toBeUndefined()
  expect(claimed({ headers: { 'x-api-key': 'pk' } })).toBeUndefined()
  expect(claimed({ headers: { authorization: `Bearer ${jwt({ iss: 'https://i', client_id: 'other', sub: 'c' })}` } })).toBeUndefined()
  expect(claimed({ headers: { authorization: `Bearer ${jwt({ iss: 'https://evil', client_id: 'c' })}` } })).toBeUndefined()
  expect(claimed({})).toBeUndefined()
})

test('no request makes it fail', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string().map((one) => `Bearer ${one}.${one}`), fc.json().map((one) => `Bearer a.${Buffer.from(one).toString('base64url')}`), fc.string().map((one) => `Basic ${one}`))
  const value = fc.oneof(text, fc.array(text, { maxLength: 2 }), fc.constant(undefined))
  const headers = fc.dictionary(fc.constantFrom('authorization', 'x-api-key', 'signature-input', 'x-client-id'), value)
  fc.assert(fc.property(headers, fc.dictionary(fc.constantFrom('key', '__proto__'), fc.anything()), (given, query) => {
    expect(claimed({ headers: given as never, query })).toBeUndefined()
  }), { numRuns: 1000 })
})
