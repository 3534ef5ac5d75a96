import { constants, createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createClients } from '../../runtime/clients/clients.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { parseSigningKey } from '../../runtime/core/access/signing-key.ts'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { fault } from '../../runtime/core/fault.ts'
import { createMemoryState } from '../../runtime/state/memory-state.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { testNode } from '../../test/kit/node-tester.ts'
import { auth } from './auth.ts'
import { fitsDigest } from './content-digest.ts'
import { createSigningKeys } from './signing-keys.ts'
import { toSignatureBase } from './signature-base.ts'
import { type InnerList, isInnerList, parseDictionary, serializeInnerList } from './structured-field.ts'

const secret = 'shared-secret'
const created = Date.UTC(2026, 0, 5, 12) / 1000

async function start(config: object = {}, given?: State, pairs: Readonly<Record<string, KeyObject>> = {}) {
  const clock = fakeClock(created * 1000)
  const key = randomBytes(32)
  const clients = createClients({ clock })
  clients.setKey(key)
  clients.replace({ version: 1, plans: [], apis: [], applications: [{
    id: 'app-1', name: 'App', organisation: 'org-1', active: true, rules: {}, subscriptions: [],
    credentials: [{ kind: 'hmac', id: 'h1', sealed: seal(key, secret, clientSecretPurpose), environment: 'production', active: true }, ...Object.entries(pairs).map(([id, publicKey]) => (
      { kind: 'public-key' as const, id, jwk: parseSigningKey(publicKey.export({ type: 'spki', format: 'pem' }).toString()), environment: 'production' as const, active: true }
    ))],
  }] })
  const node = await testNode(auth, { methods: [{ kind: 'signature' }], ...config }, { clock, clients, state: given ?? createMemoryState({ clock }), wired: ['ok'] })
  let calls = 0
  const code = (request: Partial<RequestFacts>) => node.send({}, fakeRun({ request: { ip: `192.0.2.${(calls += 1)}`, ...request } })).then((sent) => sent[0]?.port, (error: { code: string }) => error.code)
  return { node, code, clock }
}

const body = Buffer.from('{"amount":1}')
const contentDigest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`

interface Made {
  /** Lines of the signature base, written out. */
  readonly lines?: readonly string[]
  readonly covered?: string
  readonly params?: string
  readonly key?: string
  readonly signWith?: (base: Buffer) => Buffer
  readonly request?: Partial<RequestFacts>
}

/** A signed POST, its base written by hand. */
function make({ lines, covered, params, key, signWith, request }: Made = {}): Partial<RequestFacts> {
  const list = covered ?? '("@method" "@path" "@query" "content-digest")'
  const rest = params ?? `;created=${created};keyid="h1";nonce="${randomBytes(6).toString('hex')}"`
  const base = [...(lines ?? ['"@method": POST', '"@path": /pay', '"@query": ?b=2&a=1', `"content-digest": ${contentDigest}`]), `"@signature-params": ${list}${rest}`].join('\n')
  const signature = (signWith?.(Buffer.from(base)) ?? createHmac('sha256', key ?? secret).update(base).digest()).toString('base64')
  return {
    method: 'POST', path: '/pay', url: '/pay?b=2&a=1', wireBody: body, ...request,
    headers: { host: 'api.example', 'content-digest': contentDigest, 'signature-input': `sig1=${list}${rest}`, signature: `sig1=:${signature}:`, ...request?.headers },
  }
}

describe('an HTTP message signature', () => {
  it('lets in who signs', async () => {
    const { code } = await start()
    expect(await code(make())).toBe('ok')
    expect(await code(make({
      covered: '("@method" "@target-uri" "content-digest" "x-branch")', lines: ['"@method": POST', '"@target-uri": http://api.example/pay?b=2&a=1', `"content-digest": ${contentDigest}`, '"x-branch": 042'],
      request: { headers: { 'x-branch': ' 042 ' } },
    }))).toBe('ok')
  })

  it('is found among others', async () => {
    const { code } = await start()
    const request = make()
    const headers = {
      ...request.headers,
      'signature-input': `other=("@method");alg="rsa-pss-sha512";keyid="x", ${String(request.headers?.['signature-input'])}`,
      signature: `other=:AAAA:, ${String(request.headers?.['signature'])}`,
    }
    expect(await code({ ...request, headers })).toBe('ok')
  })

  it('agrees with the example of the standard (RFC 9421 B.2.5)', () => {
    const shared = Buffer.from('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==', 'base64')
    const input = parseDictionary('sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"')?.get('sig-b25') as InnerList
    const request = fakeRun({ request: { headers: { host: 'Example.com:80', date: 'Tue, 20 Apr 2021 02:07:55 GMT', 'content-type': 'application/json' } } }).request as RequestFacts
    expect(createHmac('sha256', shared).update(toSignatureBase(request, input) as string).digest('base64')).toBe('pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=')
  })

  it.each<[string, Made]>([
    ['another secret', { key: 'other' }],
    ['another method', { request: { method: 'PUT' } }],
    ['another path', { request: { path: '/other' } }],
    ['another query', { request: { url: '/pay?b=2&a=9' } }],
    ['another body', { request: { wireBody: Buffer.from('{"amount":9}') } }],
    ['another digest', { request: { headers: { 'content-digest': 'sha-256=:AAAA:' } } }],
    ['an unknown key', { params: `;created=${created};keyid="h2";nonce="n"` }],
    ['another algorithm', { params: `;created=${created};keyid="h1";nonce="n";alg="rsa-pss-sha512"` }],
    ['no key id', { params: `;created=${created};nonce="n"` }],
    ['no nonce', { params: `;created=${created};keyid="h1"` }],
    ['no time', { params: ';keyid="h1";nonce="n"' }],
    ['the method not covered', { covered: '("@path" "@query" "content-digest")', lines: ['"@path": /pay', '"@query": ?b=2&a=1', `"content-digest": ${contentDigest}`] }],
    ['the path not covered', { covered: '("@method" "@query" "content-digest")', lines: ['"@method": POST', '"@query": ?b=2&a=1', `"content-digest": ${contentDigest}`] }],
    ['the query not covered', { covered: '("@method" "@path" "content-digest")', lines: ['"@method": POST', '"@path": /pay', `"content-digest": ${contentDigest}`] }],
    ['the body not covered', { covered: '("@method" "@path" "@query")', lines: ['"@method": POST', '"@path": /pay', '"@query": ?b=2&a=1'] }],
    ['something covered twice', { covered: '("@method" "@path" "@query" "content-digest" "@method")', lines: ['"@method": POST', '"@path": /pay', '"@query": ?b=2&a=1', `"content-digest": ${contentDigest}`, '"@method": POST'] }],
    ['something covered that is not there', { covered: '("@method" "@path" "@query" "content-digest" "x-none")', lines: ['"@method": POST', '"@path": /pay', '"@query": ?b=2&a=1', `"content-digest": ${contentDigest}`, '"x-none": '] }],
    ['a component of an answer', { covered: '("@method" "@path" "@query" "content-digest" "@status")', lines: [] }],
    ['nothing that can be read', { request: { headers: { 'signature-input': 'sig1=(((' } } }],
    ['no signature', { request: { headers: { signature: '' } } }],
    ['a signature of another kind', { request: { headers: { signature: 'sig1="text"' } } }],
  ])('with %s is refused', async (_what, made) => {
    expect(await (await start()).code(make(made))).toBe('auth.signature')
  })

  it('must cover the headers that the node names', async () => {
    const { code } = await start({ signedHeaders: ['X-Branch'] })
    expect(await code(make({ request: { headers: { 'x-branch': '042' } } }))).toBe('auth.signature')
  })

  it('is good for five minutes', async () => {
    const { code } = await start()
    for (const offset of [-301, 301]) expect(await code(make({ params: `;created=${created + offset};keyid="h1";nonce="n${offset}"` }))).toBe('auth.expired')
    for (const offset of [-299, 299]) expect(await code(make({ params: `;created=${created + offset};keyid="h1";nonce="n${offset}"` }))).toBe('ok')
    expect(await code(make({ params: `;created=${created};keyid="h1";nonce="n";expires=${created}` }))).toBe('auth.expired')
  })

  it('is good once, on all gateways, for as long as it could be taken', async () => {
    const clock = fakeClock(created * 1000)
    const state = createMemoryState({ clock })
    const [one, other] = [await start({}, state), await start({}, state)]
    const request = make({ params: `;created=${created + 299};keyid="h1";nonce="n"` })
    expect(await one.code(request)).toBe('ok')
    expect(await other.code(request)).toBe('auth.replayed')
    await Promise.all([clock.advance(598_000), other.clock.advance(598_000)])
    expect(await other.code(request)).toBe('auth.replayed')
  })

  it('is refused while nobody can tell whether it was used', async () => {
    const down = { ...createMemoryState({ clock: fakeClock() }), records: { setIfAbsent: () => Promise.reject(fault('state.unavailable', { reason: 'down' })) } } as unknown as State
    expect(await (await start({}, down)).code(make())).toBe('auth.unavailable')
  })
})

describe('a signature by a key of which only the public half is known', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const ed = generateKeyPairSync('ed25519')
  const known = { rsa: rsa.publicKey, p256: p256.publicKey, p384: p384.publicKey, ed: ed.publicKey }
  const ec = (key: KeyObject, hash: string) => (base: Buffer) => sign(hash, base, { key, dsaEncoding: 'ieee-p1363' })
  const pss = (base: Buffer) => sign('sha512', base, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 })
  const byEd = (base: Buffer) => sign(null, base, ed.privateKey)
  const params = (keyid: string, alg?: string) => `;created=${created};keyid="${keyid}";nonce="${randomBytes(6).toString('hex')}"${alg ? `;alg="${alg}"` : ''}`

  it.each<[string, string, string | undefined, (base: Buffer) => Buffer]>([
    ['rsa-pss-sha512', 'rsa', 'rsa-pss-sha512', pss],
    ['rsa-pss-sha512, not named', 'rsa', undefined, pss],
    ['rsa-v1_5-sha256', 'rsa', 'rsa-v1_5-sha256', (base) => sign('sha256', base, rsa.privateKey)],
    ['ecdsa-p256-sha256', 'p256', 'ecdsa-p256-sha256', ec(p256.privateKey, 'sha256')],
    ['ecdsa-p384-sha384, not named', 'p384', undefined, ec(p384.privateKey, 'sha384')],
    ['ed25519', 'ed', 'ed25519', byEd],
  ])('lets in who signs: %s', async (_what, keyid, alg, signWith) => {
    expect(await (await start({}, undefined, known)).code(make({ params: params(keyid, alg), signWith }))).toBe('ok')
  })

  it.each<[string, Made]>([
    ['another key', { params: params('p256'), signWith: ec(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'sha256') }],
    ['the algorithm of another kind of key', { params: params('ed', 'ecdsa-p256-sha256'), signWith: byEd }],
    ['the form that certificates use', { params: params('p256'), signWith: (base) => sign('sha256', base, p256.privateKey) }],
    ['the public key as a shared secret', { params: params('ed', 'hmac-sha256'), key: ed.publicKey.export({ type: 'spki', format: 'pem' }).toString() }],
    ['a shared secret said to be a key', { params: params('h1', 'ed25519'), signWith: byEd }],
    ['another body', { params: params('ed'), signWith: byEd, request: { wireBody: Buffer.from('{"amount":9}') } }],
  ])('refuses %s', async (_what, made) => {
    expect(await (await start({}, undefined, known)).code(make(made))).toBe('auth.signature')
  })

  it('is good once', async () => {
    const { code } = await start({}, undefined, known)
    const request = make({ params: params('ed'), signWith: byEd })
    expect([await code(request), await code(request)]).toEqual(['ok', 'auth.replayed'])
  })

  it('agrees with the example of the standard (RFC 9421 B.2.6)', () => {
    const jwk = parseSigningKey('{"kty":"OKP","crv":"Ed25519","kid":"test-key-ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}')
    const keys = createSigningKeys({ bySigner: () => ({ credential: { kind: 'public-key', jwk } }) } as never)
    const input = parseDictionary('sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"')?.get('sig-b26') as InnerList
    const request = fakeRun({ request: { method: 'POST', path: '/foo', url: '/foo', headers: { host: 'example.com', date: 'Tue, 20 Apr 2021 02:07:55 GMT', 'content-type': 'application/json', 'content-length': '18' } } }).request as RequestFacts
    const signature = Buffer.from('wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==', 'base64')
    expect(keys.of('test-key-ed25519', undefined)?.fits(toSignatureBase(request, input) as string, signature)).toBe(true)
  })

  it('is of a key as partners send it: PEM, a JWK or a set of one; never a private, short or unknown one', () => {
    const pem = (key: KeyObject) => key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }).toString()
    const jwk = ed.publicKey.export({ format: 'jwk' })
    expect(parseSigningKey(pem(ed.publicKey))).toEqual(jwk)
    expect(parseSigningKey(JSON.stringify({ keys: [{ ...jwk, kid: 'k', alg: 'EdDSA', use: 'sig' }] }))).toEqual(jwk)
    expect(Object.keys(parseSigningKey(pem(rsa.publicKey)))).toEqual(['kty', 'n', 'e'])
    for (const text of [
      pem(ed.privateKey), JSON.stringify(ed.privateKey.export({ format: 'jwk' })), pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), pem(generateKeyPairSync('x25519').publicKey),
      pem(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey), '{"kty":"oct","k":"AAAA"}', JSON.stringify({ keys: [jwk, jwk] }), '{"keys":[]}', 'null', 'nonsense', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    ]) expect(() => parseSigningKey(text), text).toThrow(TypeError)
  })
})

describe('a content digest', () => {
  it('fits when every known digest does, and there is one', () => {
    const sha512 = `sha-512=:${createHash('sha512').update(body).digest('base64')}:`
    for (const field of [contentDigest, sha512, `${contentDigest}, ${sha512}`, `md5=:AAAA:, ${contentDigest}`]) expect(fitsDigest(field, body)).toBe(true)
    for (const field of ['', 'md5=:AAAA:', `${contentDigest}, sha-512=:AAAA:`, 'sha-256=AAAA', 'sha-256=:AA', 'nonsense(']) expect(fitsDigest(field, body)).toBe(false)
  })
})

describe('structured fields', () => {
  it('are written as they were read', () => {
    for (const text of ['("a" "b";sf;n=1);created=1;keyid="x\\"y\\\\";b=?0;t=tok/en;y=:AQI=:', '()', '("@query-param";name="a b");nonce="n"']) {
      expect(serializeInnerList(parseDictionary(`s=${text}`)?.get('s') as InnerList)).toBe(text)
    }
  })

  it.each(['s=(', 's=("a"', 's=("a""b")', 's=("a"),', 'S=1', 's="é"', 's=1.5', 's=:A:', 's=("a") x', '=1', 's=?2', 's=1234567890123456'])('that are malformed are none: %s', (text) => {
    expect(parseDictionary(text)).toBeUndefined()
  })

  it('never make the reader fall over', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const members = parseDictionary(text)
      for (const member of members?.values() ?? []) if (isInnerList(member)) serializeInnerList(member)
    }))
  })

  it('mean the same after a round', () => {
    const name = fc.stringMatching(/^[\x20-\x7e]{0,12}$/)
    fc.assert(fc.property(fc.array(name), fc.integer(), name, (names, number, text) => {
      const list: InnerList = { items: names.map((value) => ({ value, params: new Map() })), params: new Map<string, string | number>([['n', number], ['t', text]]) }
      expect(parseDictionary(`s=${serializeInnerList(list)}`)?.get('s')).toEqual(list)
    }))
  })
})
